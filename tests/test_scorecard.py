"""docs/scorecard.md is true: its evidence is there, and its sums are those of its rows.

That a named test passes is for pytest to say; that a score is deserved, for whoever reads the page.
"""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.graph import ROOT, taken_off

CARD = Path("docs/scorecard.md")
SECTIONS, ROWS, SCORES = 4, 7, (0.0, 0.5, 1.0)
SECTION = re.compile(r"^## (?P<title>.+): (?P<sum>\d*\.?\d+) of 7$\n(?P<body>(?:(?!^## ).*\n?)*)", re.MULTILINE)
ROW = re.compile(r"^\| (?P<number>\d+) \| .+? \| (?P<evidence>.*?) *\| (?P<score>\d*\.?\d+) \|", re.MULTILINE)
FINAL = re.compile(r"^\*\*Score: (?P<score>\d*\.?\d+)\*\*", re.MULTILINE)


class Score(NamedTuple):
    """What the page says of a section: its title, the sum of its rows, and what is wrong with it."""

    title: str
    points: float
    faults: list[str]


def names_of_tests(path: Path) -> set[str]:
    """Return the names of the test functions of a file."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def missing(evidence: str) -> str | None:
    """Say what a piece of evidence lacks: `file`, `file::test` or `file::test[case]`."""
    file, _, test = evidence.partition("::")
    if taken_off(file):
        return None
    if not Path(file).is_file():
        return f"there is no file {file}"
    name = test.split("[")[0]
    return f"{file} has no test {name}" if name and name not in names_of_tests(Path(file)) else None


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


def judge_page() -> None:
    """Read docs/scorecard.md, judge it, print its sums; refuse it where it is not true."""
    text = CARD.read_text(encoding="utf-8")
    scores, final = [section(found) for found in SECTION.finditer(text)], FINAL.search(text)
    faults = [fault for score in scores for fault in score.faults]
    least = min((score.points for score in scores), default=0.0)
    if len(scores) != SECTIONS:
        faults.append(f"{SECTIONS} sections are wanted, {len(scores)} were found")
    if final is None or float(final["score"]) != least:
        faults.append(f"the score is the smallest sum, {least:g}; the page says {final and final['score']}")
    if faults:
        raise AssertionError(f"{CARD} is not true:\n  " + "\n  ".join(faults))
    print("\n".join(f"{score.title:<20} {score.points:3.1f} of {ROWS}" for score in scores))
    print(f"score, the smallest:  {least:.1f}")


SEVEN = "## {title}: {sum} of 7\n\n| | test | evidence | score | what is missing |\n|--:|---|---|--:|---|\n{rows}\n"
FILE, TEST = "`src/made.py`", "`tests/test_made.py::test_it[case]`"
MADE = f"| 1 | made | {FILE}, {TEST} | 1 | |\n"
HALF = "".join(f"| {number} | half made | {FILE} | 0.5 | by hand |\n" for number in range(2, 7))
NOT_MADE = "| 7 | not made | | 0 | for want of time |\n"
TITLES = ("Features and data", "Model development", "Infrastructure", "Monitoring")
PAGE = "**Score: 3.5**, the smallest\n\n" + "\n".join(
    SEVEN.format(title=title, sum="3.5", rows=MADE + HALF + NOT_MADE) for title in TITLES
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a file and a test, and a true page about them."""
    for name in ("docs", "src", "tests"):
        (tmp_path / name).mkdir()
    (tmp_path / "src/made.py").touch()
    (tmp_path / "tests/test_made.py").write_text("class TestMade:\n    def test_it(self): ...\n\n\ndef helper(): ...\n")
    (tmp_path / "docs/scorecard.md").write_text(PAGE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_committed_page_is_true(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    judge_page()
    printed = re.findall(r"([\d.]+)(?: of 7)?$", capsys.readouterr().out, re.MULTILINE)
    assert len(printed) == 5
    assert printed[-1] == min(printed[:-1], key=float)


def test_a_true_page_passes_and_its_sums_are_printed(folder, capsys):
    judge_page()
    *sections, score = capsys.readouterr().out.splitlines()
    assert sections == [f"{title:<20} 3.5 of 7" for title in TITLES]
    assert score == "score, the smallest:  3.5"


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (FILE, "`src/gone.py`", "Features and data: row 1: there is no file src/gone.py"),
        ("::test_it[case]", "::test_gone", "row 1: tests/test_made.py has no test test_gone"),
        ("::test_it[case]", "::helper", "row 1: tests/test_made.py has no test helper"),
        (f"half made | {FILE} | 0.5", f"half made | {FILE} | .7", "row 2: the score .7 is none of 0, 0.5 and 1"),
        (f"half made | {FILE} | 0.5", "half made | | 0.5", "row 2: a score above 0 needs evidence"),
        (f"half made | {FILE} | 0.5", f"half made | {FILE} | 1", "the rows add up to 4, the heading says 3.5"),
        ("development: 3.5", "development: 5", "Model development: the rows add up to 3.5, the heading says 5"),
        ("Score: 3.5", "Score: 4", "the score is the smallest sum, 3.5; the page says 4"),
        ("**Score: 3.5**", "", "the score is the smallest sum, 3.5; the page says None"),
        (NOT_MADE, "", "Features and data: rows 1 to 7 are wanted"),
        ("| 7 |", "| 8 |", "Features and data: rows 1 to 7 are wanted"),
        ("| 0 | for", "| | for", "Features and data: rows 1 to 7 are wanted"),
        ("## Monitoring", "# Monitoring", "4 sections are wanted, 3 were found"),
    ],
)
def test_what_is_not_true_is_refused_in_words(folder, right, wrong, said):
    assert right in PAGE
    (folder / "docs/scorecard.md").write_text(PAGE.replace(right, wrong, 1))
    with pytest.raises(AssertionError, match=r"docs.scorecard\.md is not true") as refused:
        judge_page()
    assert said in str(refused.value)


def test_the_smallest_sum_is_the_score(folder):
    better = PAGE.replace(HALF, HALF.replace("0.5", "1"), 3).replace(": 3.5 of", ": 6 of", 3)
    (folder / "docs/scorecard.md").write_text(better)
    judge_page()


def test_every_fault_is_told_at_once(folder):
    (folder / "docs/scorecard.md").write_text(PAGE.replace(FILE, "`src/gone.py`"))
    with pytest.raises(AssertionError) as refused:
        judge_page()
    assert str(refused.value).count("there is no file src/gone.py") == 4 * 6
