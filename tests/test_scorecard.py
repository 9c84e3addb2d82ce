"""The scorecard is refused when its evidence is gone or its sums are wrong."""

import re
from pathlib import Path

import pytest

import scorecard
from lifecycle.stage import PipelineError
from tests.graph import ROOT

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
    scorecard.main()
    printed = re.findall(r"([\d.]+)(?: of 7)?$", capsys.readouterr().out, re.MULTILINE)
    assert len(printed) == 5
    assert printed[-1] == min(printed[:-1], key=float)


def test_a_true_page_passes_and_its_sums_are_printed(folder, capsys):
    scorecard.main()
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
    with pytest.raises(PipelineError, match=r"docs.scorecard\.md is not true") as refused:
        scorecard.main()
    assert said in str(refused.value)


def test_the_smallest_sum_is_the_score(folder):
    better = PAGE.replace(HALF, HALF.replace("0.5", "1"), 3).replace(": 3.5 of", ": 6 of", 3)
    (folder / "docs/scorecard.md").write_text(better)
    scorecard.main()


def test_every_fault_is_told_at_once(folder):
    (folder / "docs/scorecard.md").write_text(PAGE.replace(FILE, "`src/gone.py`"))
    with pytest.raises(PipelineError) as refused:
        scorecard.main()
    assert str(refused.value).count("there is no file src/gone.py") == 4 * 6
