"""Count what this project's monitor finds and what it cries wolf over, beside the usual detectors.

Run from the repository root; it takes about an hour on one core, and goes on where it was cut:

    python benchmarks/drift/drift.py [--worlds 100] [--pairs 10] [--first-seed 300] [--kept FOLDER] [--only NAME ...]

Each world is a small card simulation without drift, with the model of params.yaml trained in it. Its watched weeks
count false alarms. The first `--pairs` worlds are then run again with each of ten kinds of fault and drift, in four
sizes, put into their raw records (benchmarks/drift/faults.py). A change counts as found only while the twin without it,
which has the same random draws, is silent. Recall is that of the same model at the same threshold in both.

river, Evidently and NannyML run in environments of their own (benchmarks/drift/peers/*.lock); what can't be installed
is named in the table. Prints aims and the tables of docs/drift.md, and exits with 1 when an aim is missed. The limits
were chosen on worlds with seeds from 1000 on.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

sys.path.extend(str(Path(__file__).parents[2] / folder) for folder in ("", "src"))

from benchmarks.drift import results, tables
from benchmarks.drift.usual_defaults import ELSEWHERE, USUAL, Detector, Elsewhere
from benchmarks.locked_environments import default_folder
from lifecycle.core.errors import PipelineError, run
from lifecycle.core.params import load_params

KEPT = Path(tempfile.gettempdir()) / "drift-benchmark"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Count false alarms and detections.")
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=10, help="of the worlds, those that are run with changes too")
    parser.add_argument("--first-seed", type=int, default=300, help="of the worlds; at most 4000")
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder of what is done already")
    parser.add_argument("--environments", type=Path, default=default_folder("drift"))
    parser.add_argument("--only", nargs="*", metavar="NAME", help="of river, evidently and nannyml, only these")
    return parser.parse_args()


def detectors(options: argparse.Namespace, stack: ExitStack) -> tuple[dict[str, Detector], dict[str, str]]:
    """Start the usual detectors; return them, and of each that can't be installed why."""
    found: dict[str, Detector] = dict(USUAL)
    left_out: dict[str, str] = {}
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    for name, words in ELSEWHERE.items():
        if options.only is not None and name not in options.only:
            continue
        try:
            found[words] = stack.enter_context(Elsewhere(name, options.environments, scratch))
        except PipelineError as error:
            left_out[words] = str(error)
    return found, left_out


def main() -> None:
    """Run all worlds, print, and raise a PipelineError when an aim is missed."""
    options, params = arguments(), load_params()
    options.kept.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        found, left_out = detectors(options, stack)
        settings = results.Settings(params, found, options.kept)
        seeds = range(options.first_seed, options.first_seed + options.worlds)
        worlds = [
            results.of_world(seed, place < options.pairs, settings)
            for place, seed in enumerate(tqdm(seeds, "worlds", disable=None))
        ]
    print(f"{tables.monitors_table(worlds, left_out)}\n")
    if options.pairs:
        print(f"{tables.kinds_table(worlds)}\n")
    print(tables.false_alarms(worlds))
    reached = tables.aims(worlds)
    print("\n".join(f"{'met' if aim.met else 'MISSED':<8}{aim.words}" for aim in reached))
    missed = [aim.words for aim in reached if not aim.met]
    if missed:
        raise PipelineError(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    run(main)
