"""Report what a change does to the model: the workspace against another revision, the gate's verdict first.

Reads   metrics/, models/*.json, params.yaml and dvc.lock of both; data/scores/test.parquet of both where they are to
        be had; data/splits/train.parquet of the workspace
Writes  report/report.md with its pictures, report/comment.md without any, and report/report.html with --html

Ends with 0 when the gate passes; otherwise with 1, the reason on stderr, and the report written all the same.
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from lifecycle.io import atomic
from lifecycle.params import load_params
from lifecycle.problem import load_problem
from lifecycle.report.build import built
from lifecycle.report.content import document
from lifecycle.report.document import Document
from lifecycle.report.judgement import SCORES, judgement
from lifecycle.report.markdown import markdown
from lifecycle.report.page import page
from lifecycle.report.revision import Revision, Workspace
from lifecycle.report.terminal import plain
from lifecycle.stage import PipelineError, run


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Report what a change does to the model.")
    parser.add_argument("--base", default="main", metavar="REVISION", help="what to compare with; main")
    parser.add_argument("--build-base", action="store_true", help="make the base's scores here when they are missing")
    parser.add_argument("--plain", action="store_true", help="print the whole report as text")
    parser.add_argument("--html", action="store_true", help="write it as one HTML page too")
    parser.add_argument("--out", default="report", metavar="FOLDER", type=Path, help="where to write; report")
    return parser.parse_args()


def write(found: Document, folder: Path, html: bool) -> Path:
    """Write the report's files; the pictures first, so that no page names one that is not there."""
    files = {f"{one.name}-{theme}.png": getattr(one, theme) for one in found.pictures for theme in ("light", "dark")}
    files |= {"comment.md": markdown(found, pictures=False).encode(), "report.md": markdown(found).encode()}
    files |= {"report.html": page(found).encode()} if html else {}
    for name, content in files.items():
        with atomic(folder / name) as temporary:
            temporary.write_bytes(content)
    return folder / ("report.html" if html else "report.md")


def main() -> None:
    """Compare, write, judge."""
    given, params = options(), load_params()
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


if __name__ == "__main__":
    run(main)
