"""Hold docs/scorecard.md against the repository: its evidence must be there, and its sums must be those of its rows.

Reads   docs/scorecard.md and the files that it names

That a named test passes is for pytest to say; that a score is deserved, for whoever reads the page.
"""

import ast
import re
from pathlib import Path
from typing import NamedTuple

from lifecycle.stage import PipelineError, run

PAGE = Path("docs/scorecard.md")
SECTIONS, ROWS, SCORES = 4, 7, (0.0, 0.5, 1.0)
SECTION = re.compile(r"^## (?P<title>.+): (?P<sum>\d*\.?\d+) of 7$\n(?P<body>(?:(?!^## ).*\n?)*)", re.MULTILINE)
ROW = re.compile(r"^\| (?P<number>\d+) \| .+? \| (?P<evidence>.*?) *\| (?P<score>\d*\.?\d+) \|", re.MULTILINE)
FINAL = re.compile(r"^\*\*Score: (?P<score>\d*\.?\d+)\*\*", re.MULTILINE)


class Score(NamedTuple):
    """What the page says of a section: its title, the sum of its rows, and what is wrong with it."""

    title: str
    points: float
    faults: list[str]


def tests_of(path: Path) -> set[str]:
    """Return the names of the test functions of a file."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def missing(evidence: str) -> str | None:
    """Say what a piece of evidence lacks: `file`, `file::test` or `file::test[case]`."""
    file, _, test = evidence.partition("::")
    if not Path(file).is_file():
        return f"there is no file {file}"
    name = test.split("[")[0]
    return f"{file} has no test {name}" if name and name not in tests_of(Path(file)) else None


def section(found: re.Match[str]) -> Score:
    """Judge the rows of one section."""
    faults, rows = [], list(ROW.finditer(found["body"]))
    if [int(row["number"]) for row in rows] != list(range(1, ROWS + 1)):
        faults.append(f"rows 1 to {ROWS} are wanted, one for each test")
    for row in rows:
        evidence = re.findall(r"`([^`]+)`", row["evidence"])
        told = [fault for fault in map(missing, evidence) if fault]
        told += [f"the score {row['score']} is none of 0, 0.5 and 1"] * (float(row["score"]) not in SCORES)
        told += ["a score above 0 needs evidence"] * (float(row["score"]) > 0 and not evidence)
        faults += [f"row {row['number']}: {fault}" for fault in told]
    points = sum(float(row["score"]) for row in rows)
    if float(found["sum"]) != points:
        faults.append(f"the rows add up to {points:g}, the heading says {found['sum']}")
    return Score(found["title"], points, [f"{found['title']}: {fault}" for fault in faults])


def main() -> None:
    """Read, judge, print."""
    text = PAGE.read_text(encoding="utf-8")
    scores, final = [section(found) for found in SECTION.finditer(text)], FINAL.search(text)
    faults = [fault for score in scores for fault in score.faults]
    least = min((score.points for score in scores), default=0.0)
    if len(scores) != SECTIONS:
        faults.append(f"{SECTIONS} sections are wanted, {len(scores)} were found")
    if final is None or float(final["score"]) != least:
        faults.append(f"the score is the smallest sum, {least:g}; the page says {final and final['score']}")
    if faults:
        raise PipelineError(f"{PAGE} is not true:\n  " + "\n  ".join(faults))
    print("\n".join(f"{score.title:<20} {score.points:3.1f} of {ROWS}" for score in scores))
    print(f"score, the smallest:  {least:.1f}")


if __name__ == "__main__":
    run(main)
