"""The commands `report` and `summary`: what a change does to the model, and the figures of the last run.

`report` holds the workspace against another revision, the gate's verdict first. It reads metrics/, models/*.json,
params.yaml and dvc.lock of both; data/scores/test.parquet of both where they are to be had; data/splits/train.parquet
of the workspace. It writes report/report.md with its pictures, report/comment.md without any, and report/report.html
with --html. It ends with 0 when the gate passes; otherwise with 1, the reason on stderr, and the report written all the
same.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.core.tables import read_json
from lifecycle.document.blocks import Document
from lifecycle.document.console_text import plain
from lifecycle.document.html_page import page
from lifecycle.document.markdown import markdown
from lifecycle.problem.loading import load_problem
from lifecycle.report.content import document
from lifecycle.report.verdict import SCORES, judgement
from lifecycle.repository.rebuild import built
from lifecycle.repository.revision import Revision, Workspace

SUMMARISED = ("evaluate/evaluation", "evaluate/intervals", "decide/decision")


def options(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="mlops.py report", description="Report what a change does to the model.")
    parser.add_argument("--base", default="main", metavar="REVISION", help="what to compare with; main")
    parser.add_argument("--build-base", action="store_true", help="make the base's scores here when they are missing")
    parser.add_argument("--plain", action="store_true", help="print the whole report as text")
    parser.add_argument("--html", action="store_true", help="write it as one HTML page too")
    parser.add_argument("--out", default="report", metavar="FOLDER", type=Path, help="where to write; report")
    return parser.parse_args(words)


def write(found: Document, folder: Path, html: bool) -> Path:
    """Write the report's files; the pictures first, so that no page names one that is not there."""
    files = {f"{one.name}-{theme}.png": getattr(one, theme) for one in found.pictures for theme in ("light", "dark")}
    files |= {"comment.md": markdown(found, pictures=False).encode(), "report.md": markdown(found).encode()}
    files |= {"report.html": page(found).encode()} if html else {}
    for name, content in files.items():
        with atomic(folder / name) as temporary:
            temporary.write_bytes(content)
    return folder / ("report.html" if html else "report.md")


def report(words: Sequence[str]) -> None:
    """Compare, write, judge."""
    given, params = options(words), load_params()
    base, head = Revision(given.base), Workspace()
    with ExitStack() as stack:
        missing = given.build_base and base.table(SCORES) is None
        note = stack.enter_context(built(base, SCORES)) if missing else None
        judged = judgement(base, head, params, load_problem(params.problem))
        found = document(base, head, judged, [note] if note else [])
    place = write(found, given.out, given.html)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a console may have no arrows
    print(plain(found) if given.plain else f"{judged.reason}\n{place}" if judged.passes else place)
    if not judged.passes:
        raise PipelineError(judged.reason)


def lines(evaluation: dict, intervals: dict, decision: dict) -> list[str]:
    """Return the summary, line by line."""
    width = max(len(name) for name in evaluation["test"])
    text = [f"{'test window':<{width}}   figure  95 % interval"]
    for name, value in evaluation["test"].items():
        low, high = intervals["test"].get(name, (None, None))
        between = "" if low is None else f"  {low:.4f} to {high:.4f}"
        text.append(f"{name:<{width}}  {value:7.4f}{between}")
    rivals = ", ".join(f"{name} {value:.3f}" for name, value in evaluation["baseline"].items())
    chosen = decision["decision"]
    return [
        *text,
        f"average precision of the baselines: {rivals}",
        f"alert from a score of {chosen['threshold']:.3f}, a probability of {chosen['probability_at_threshold']:.3f}"
        f" (calibration: {chosen['calibration']})",
        "picture: metrics/evaluate/evaluation.png; plots: dvc plots show --open; experiments:"
        " dvc exp show --only-changed",
    ]


def summary(words: Sequence[str]) -> None:
    """Print the figures of the last run."""
    argparse.ArgumentParser(prog="mlops.py summary", description="Show the figures of the last run.").parse_args(words)
    print("\n".join(lines(*(read_json(f"metrics/{name}.json") for name in SUMMARISED))))
