"""The commands `report` and `summary`: what a change does to the model, and the figures of the last run.

`report` compares the workspace with another revision, the gate's verdict first. It reads metrics/, models/*.json,
params.yaml and dvc.lock of both, data/scores/test.parquet of both where the cache or a remote has it, and the
workspace's data/splits/train.parquet. It writes report/report.md with its pictures, report/comment.md without any, and
report/report.html with --html. It ends with 0 when the gate passes. Otherwise it ends with 1 and the reason on stderr;
the report is written all the same.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.core.tables import read_json
from lifecycle.document.html_page import page
from lifecycle.document.markdown_template import Picture
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.evaluation.tasks.task import Task
from lifecycle.problem.loading import fill, load_problem
from lifecycle.report.curves import curves, pictures
from lifecycle.report.sections import markdown, sections
from lifecycle.report.verdict import SCORES, have_same_scores, verdict
from lifecycle.repository.rebuild import rebuilt
from lifecycle.repository.revision_files import Revision, Workspace

MONITOR = "metrics/monitor/monitor.json"
WIDTH = 120  # of text that is printed where there is no console


def options(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="mlops.py report", description="Report what a change does to the model.")
    parser.add_argument("--base", default="main", metavar="REVISION", help="what to compare with; main")
    parser.add_argument("--build-base", action="store_true", help="make the base's scores here when they are missing")
    parser.add_argument("--base-built", metavar="FOLDER", type=Path, help="a copy of the base with scores that it made")
    parser.add_argument("--plain", action="store_true", help="print the whole report as text")
    parser.add_argument("--html", action="store_true", help="write it as one HTML page too")
    parser.add_argument("--out", default="report", metavar="FOLDER", type=Path, help="where to write; report")
    return parser.parse_args(argv)


def write(content: Mapping[str, Any], pictures: Sequence[Picture], folder: Path, html: bool) -> Path:
    """Write the report's files; the pictures first, so that no page names one that is not there."""
    files = {f"{one.name}-{theme}.png": getattr(one, theme) for one in pictures for theme in ("light", "dark")}
    files["comment.md"] = markdown(content).encode()
    files["report.md"] = markdown(content, [picture.beside() for picture in pictures]).encode()
    if html:
        named = [f"![]({picture.name})" for picture in pictures]
        files["report.html"] = page("Model report", markdown(content, named), pictures).encode()
    for name, data in files.items():
        with atomic(folder / name) as temporary:
            temporary.write_bytes(data)
    return folder / ("report.html" if html else "report.md")


def print_text(text: str) -> None:
    """Print Markdown as text, as wide as the console."""
    from rich.console import Console
    from rich.markdown import Markdown

    Console(width=None if sys.stdout.isatty() else WIDTH).print(Markdown(text))


def report(argv: Sequence[str]) -> None:
    """Compare, write the report, and fail when the gate does."""
    arguments, params = options(argv), load_params()
    base, head = Revision(arguments.base), Workspace()
    base.built = arguments.base_built
    with ExitStack() as stack:
        missing = arguments.build_base and not have_same_scores(base, head) and base.table(SCORES) is None
        note = stack.enter_context(rebuilt(base, SCORES)) if missing else None
        problem = load_problem(params.problem)
        gate = verdict(base, head, params, problem)
        content = sections(base, head, task_of(problem), gate, [note] if note else [])
        curve_pictures = pictures(curves(base), curves(head))
    place = write(content, curve_pictures, arguments.out, arguments.html)
    if arguments.plain:
        print_text(markdown(content))
    else:
        print(f"{gate.reason}\n{place}" if gate.passes else place)
    if not gate.passes:
        raise PipelineError(gate.reason)


def lines(evaluation: dict, intervals: dict, decision: dict, split: dict, task: Task, part: str) -> list[str]:
    """Return the lines of the summary; `part` is what the tested records are called."""
    width = max(len(name) for name in evaluation["test"])
    figures = [
        _figure(f"{name:<{width}}", value, intervals["test"].get(name), task.label(name))
        for name, value in evaluation["test"].items()
    ]
    rivals = ", ".join(f"{name} {value:.3f}" for name, value in evaluation["baseline"].items())
    return [
        f"{part:<{width}}   figure  95 % interval",
        *figures,
        f"{task.label(task.headline)} of the baselines: {rivals}",
        task.decision_in_words(decision["decision"]),
        f"{part}: {_counts(split['split'], task)}",
        "picture: metrics/evaluate/evaluation.png; plots: dvc plots show --open; experiments:"
        " dvc exp show --only-changed",
    ]


def _watched(figures: Mapping[str, Any]) -> str:
    """Return what the monitor saw on the days after the test."""
    if "days" not in figures:
        return f"monitor: {figures['not_watched']}"
    page = "metrics/monitor/monitor.html"
    return f"monitor: {figures['alarms']} alarms on the {figures['days']} days after the test; {page}"


def _figure(name: str, value: float, interval: Sequence[float] | None, label: str) -> str:
    between = f"  {interval[0]:.4f} to {interval[1]:.4f}" if interval else ""
    plain = label == name.strip().replace("_", " ")
    return f"{name}  {value:7.4f}{between}{'' if plain else f'  {label}'}"


def _counts(split: dict, task: Task) -> str:
    words = task.words
    left_out = split["test_rows_left_out"]
    why = f"; {left_out:,} more are left out: their {words.entity} had a known {words.positive} by then"
    counts = f"{split['test_rows']:,} {words.records}"
    if "test_positives" in split:
        counts += f", {split['test_positives']:,} of them {words.positives}"
    by_class = [f"{count:,} {name}" for name, count in split.get("test_classes", {}).items()]
    return f"{counts}{': ' if by_class else ''}{', '.join(by_class)}{why if left_out else ''}"


def summary(argv: Sequence[str]) -> None:
    """Print the figures of the last run."""
    argparse.ArgumentParser(prog="mlops.py summary", description="Show the figures of the last run.").parse_args(argv)
    files = ("evaluate/evaluation", "evaluate/intervals", "decide/decision", "split/split")
    evaluation, intervals, decision, split = (read_json(f"metrics/{name}.json") for name in files)
    params = load_params()
    problem = load_problem(params.problem)
    part = "test window" if fill(params.split, problem, "split").strategy == "time" else "test part"
    print("\n".join(lines(evaluation, intervals, decision, split, task_of(problem), part)))
    if Path(MONITOR).is_file():
        print(_watched(read_json(MONITOR)["monitor"]))
    for stage, sentence in Workspace().warnings():
        print(f"warning of {stage}: {sentence}")
