"""The page on your own data can be followed; its project is tested, shared, and has no words of the worked problem."""

import os
import re
from pathlib import Path

import pytest

from tests.conftest import REDUCED, run, set_params
from tests.graph import ROOT
from tests.test_docs import follow, with_environment
from tests.test_honesty import OF_A_PROBLEM

SMALLER = ("n_estimators", "bootstrap_samples", "rows", "more_seeds", "ageing_windows", "threshold_rows")
READ_AS_TEXT = {".json", ".csv", ".md", ".html", ".tsv", ".txt", ".svg"}
AT_NIGHT = ("A number to predict", "Several classes")  # sections; tests/test_foreign_tables.py has their kinds
QUICK_PART = "tests/test_honesty.py tests/test_docs.py tests/lifecycle/core"  # all of it at night


def foreign_words(folder: Path) -> set[tuple[str, str]]:
    """Return what outputs, pages and the summary of a project say in the words of the worked problem."""
    files = [path for kind in ("metrics", "models", "report") for path in (folder / kind).rglob("*.*")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files if path.suffix in READ_AS_TEXT}
    texts |= {name: run(f"python src/mlops.py {name}", folder).stdout for name in ("summary", "features")}
    return {(name, word[0]) for name, text in texts.items() for word in OF_A_PROBLEM.finditer(text)}


@pytest.mark.nightly
def test_after_the_page_on_your_own_data_the_tests_of_the_machinery_pass(clone: Path) -> None:
    set_params(clone, **{key: REDUCED[key] for key in SMALLER})
    run("git commit -qam Reduced", clone)
    is_full = os.environ.get("RELIABILITY") == "full"
    follow(ROOT / "docs/your-data.md", with_environment(clone), () if is_full else AT_NIGHT)
    assert foreign_words(clone) == foreign_words(clone.parent / "loans-clone") == set()
    chosen = "-n 2 tests" if is_full else QUICK_PART
    done = run(f"python -m pytest -m 'not slow' -p no:cacheprovider -rf {chosen}", clone, fails=True)
    failed = re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    assert failed == ["tests/test_docs.py::test_the_figures_in_the_readme_are_the_pipelines"], done.stdout
