"""Documentation is true: commands run, promised output appears, links lead somewhere, figures are real."""

import csv
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import REDUCED, REDUCED_WINDOW, copy_repository, run, set_params, wait_for_queue
from tests.docs import Block, blocks
from tests.graph import ROOT, stages, taken_off

PAGES = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/*.md"))
WITH_COMMANDS = [page for page in PAGES if any(block.language == "sh" for block in blocks(page))]
# Run by other means: the tests would start themselves, and `plain` installs into a new environment.
ELSEWHERE = {"make test\n"}
# These would run the whole graph on its full size; what they say does not depend on it.
REDUCED_PAGES = (
    "experiments.md", "extending.md", "features.md", "monitoring.md", "pipelines.md", "release.md", "score.md",
)  # fmt: skip
LONG = ("experiments.md", "extending.md", "pipelines.md", "release.md")
MARKS = dict.fromkeys(LONG, pytest.mark.nightly)
RUN_OTHERWISE = (
    "README.md", "audit.md", "deploy.md", "kubernetes.md", "protocols.md", "remotes.md", "serving.md", "your-data.md",
    *REDUCED_PAGES,
)  # fmt: skip


def page_names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def with_environment(folder: Path) -> Path:
    """Lend the copy our virtual environment; its stamp is newer than the lock, so `make` installs nothing."""
    if not (folder / ".venv").exists():
        (folder / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    os.utime(folder / "requirements.lock", (0, 0))
    return folder


def follow(page: Path, folder: Path, without: Sequence[str] = ()) -> None:
    """Do what a page says but for some sections, block by block, and see that each promised line of output appears."""
    output = ""
    for block in (block for block in blocks(page) if block.section not in without):
        if block.file is not None and block.language != "sh":
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "diff":
            (folder / ".patch").write_text(block.text, encoding="utf-8")
            run("git apply .patch && rm .patch", folder)
        elif block.language == "sh" and not block.marks and block.text not in ELSEWHERE:
            done = run(f"set -e\n{block.text}", folder)
            output = done.stdout + done.stderr
        elif block.language == "text" and not block.marks:
            missing = [line for line in block.text.splitlines() if line not in output]
            assert not missing, f"{page.name}: the commands above did not print {missing}; they printed\n{output}"


@pytest.mark.slow
def test_the_readme_can_be_followed_word_by_word(clone: Path) -> None:
    set_params(clone, **REDUCED, **REDUCED_WINDOW)
    run("git commit -qam Reduced", clone)
    follow(ROOT / "README.md", with_environment(clone))


@pytest.mark.slow
@pytest.mark.parametrize("page", page_names([page for page in WITH_COMMANDS if page.name not in RUN_OTHERWISE]))
def test_a_page_can_be_followed_word_by_word(page: str, clone: Path) -> None:
    follow(ROOT / page, with_environment(clone))


@pytest.mark.slow
@pytest.mark.parametrize("page", [pytest.param(page, marks=MARKS.get(page, ())) for page in REDUCED_PAGES])
def test_a_page_can_be_followed_on_the_reduced_size(page: str, workspace: Path) -> None:
    params = workspace / "params.yaml"
    text, trees = params.read_text(encoding="utf-8"), "n_estimators: {low: 40,"
    assert trees in text  # a search starts from the present values, and the reduced model has fewer trees
    params.write_text(text.replace(trees, f"n_estimators: {{low: {REDUCED['n_estimators']},"), encoding="utf-8")
    run("git commit -qam 'Reduced search'", workspace)
    follow(ROOT / "docs" / page, with_environment(workspace))
    wait_for_queue(workspace)
    if page == "experiments.md":  # its grid, which ran in the queue, and its first experiment
        head, *rows = csv.reader(run("dvc exp show --all-commits --csv", workspace).stdout.splitlines())
        assert {row[head.index("train.max_depth")] for row in rows} >= {"8", "12", "15"}


@pytest.mark.nightly
def test_the_plain_commands_need_nothing_but_python(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path / "plain")
    set_params(folder, **REDUCED, **REDUCED_WINDOW)
    (plain,) = (block for block in blocks(ROOT / "README.md") if "plain" in block.marks)
    assert "average_precision" in run(f"set -e\n{plain.text}", folder).stdout


@pytest.mark.parametrize("page", page_names(WITH_COMMANDS))
def test_every_command_is_valid_shell(page: str) -> None:
    for block in blocks(ROOT / page):
        if block.language == "sh":
            run(f"bash -n <<'COMMANDS'\n{block.text}\nCOMMANDS", ROOT)


@pytest.mark.parametrize("page", page_names(PAGES))
def test_links_and_file_names_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    places = [os.path.relpath((ROOT / page).parent / link, ROOT) for link in links if link]
    missing = [place for place in places if not (ROOT / place).exists()]
    scripts = list(re.findall(r"`?((?:src|tests|benchmarks|docs)/[\w/]+\.(?:py|md))", text))
    made_by_the_page = {block.file for block in blocks(ROOT / page)}
    missing += [name for name in scripts if not (ROOT / name).is_file() and name not in made_by_the_page]
    assert not [name for name in missing if "NAME" not in name and not taken_off(name)]


def marked(page: str, mark: str) -> Block:
    (block,) = (block for block in blocks(ROOT / page) if mark in block.marks)
    return block


def test_the_figures_in_the_readme_are_the_pipelines() -> None:
    printed = run("python src/mlops.py summary", ROOT).stdout.splitlines()
    missing = set(marked("README.md", "figures").text.splitlines()) - set(printed)
    assert not missing, f"README.md promises {sorted(missing)}; put in what `python src/mlops.py summary` prints"


def test_the_tree_in_the_readme_is_the_tree() -> None:
    listed = run("git ls-files -co --exclude-standard", ROOT).stdout.split()
    top = {name.split("/")[0] + ("/" if "/" in name else "") for name in listed if (ROOT / name).exists()}
    assert {line.split()[0] for line in marked("README.md", "tree").text.splitlines()} == top


def test_the_graph_in_the_readme_is_the_graph() -> None:
    table = re.findall(r"^\| (\w+) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)[1:]
    assert table == list(stages())
    assert set(re.findall(r"\w+", marked("README.md", "graph").text)) == set(stages())
