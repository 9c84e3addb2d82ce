from pathlib import Path
from types import SimpleNamespace

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import write_warnings
from lifecycle.document.markdown_template import Markdown, Picture, code, table
from lifecycle.evaluation.tasks.binary import Binary
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.problem.purpose import Words
from lifecycle.report import commands
from lifecycle.report.commands import WIDTH, lines, options, print_text, write
from lifecycle.report.sections import sections
from lifecycle.report.verdict import SCORES, Rule, Verdict
from tests.helpers_data import small_problem
from tests.helpers_kinds import KINDS, problem, written
from tests.helpers_model import params

EVIL = "a|b `c` <script> \x1b[31m"
WORDS = Words(record="patient", positive="illness", negative="healthy", entity="clinic")


def printed(capsys, value="14"):
    rows = table(("name", "base"), [(code("train.max_depth"), code(value)), ("plain", "7")])
    print_text(f"# Model report\n\n**Worse:** by 0.1.\n\n## Params\n\n{rows}\n\nLast {code(value)}.\n")
    return capsys.readouterr().out


def test_text_is_aligned_and_has_no_pictures_or_markup(capsys):
    said = printed(capsys)
    assert [line.split() for line in said.splitlines() if "7" in line or "14" in line] == [
        ["train.max_depth", "14"],
        ["plain", "7"],
        ["Last", "14."],
    ]
    assert len({len(line.rstrip()) for line in said.splitlines() if line.rstrip().endswith((" 14", " 7", "base"))}) == 1
    assert not {"<", "`", "*", "|"} & set(said)


def test_text_holds_no_command_for_the_terminal(capsys):
    said = printed(capsys, EVIL * 20)
    assert "\x1b" not in said
    assert all(len(line) <= WIDTH for line in said.splitlines())


def summary(left_out=0, **intervals):
    figures = {"recall": 0.5, "entity_precision_at_20": 0.25}
    return lines(
        {"test": figures, "baseline": {"amount": 0.1, "chance": 0.02}},
        {"test": intervals},
        {"decision": {"threshold": 0.4, "probability_at_threshold": 0.3, "calibration": "none"}},
        {"split": {"test_rows": 1200, "test_positives": 34, "test_rows_left_out": left_out}},
        Binary(small_problem(words=WORDS)),
        "test window",
    )


def test_the_summary_has_a_line_for_each_figure_with_its_interval_and_what_people_call_it():
    text = summary(recall=[0.4, 0.6])
    assert "recall                   0.5000  0.4000 to 0.6000" in text
    assert "entity_precision_at_20   0.2500  clinic precision@20" in text
    assert text[0] == "test window              figure  95 % interval"
    assert "average precision of the baselines: amount 0.100, chance 0.020" in text


def test_the_summary_counts_in_the_problem_s_words_and_tells_what_was_left_out():
    assert "test window: 1,200 patients, 34 of them illnesses" in summary()
    counts = "test window: 1,200 patients, 34 of them illnesses"
    assert f"{counts}; 56 more are left out: their clinic had a known illness by then" in summary(56)


def test_the_report_is_on_main_in_its_folder_unless_told_otherwise():
    assert vars(options([])) == {
        "base": "main",
        "build_base": False,
        "base_built": None,
        "plain": False,
        "html": False,
        "out": Path("report"),
    }
    given = options(["--base", "HEAD~1", "--build-base", "--plain", "--html", "--out", "x/y"])
    said = {"base": "HEAD~1", "build_base": True, "plain": True, "html": True, "out": Path("x/y")}
    assert vars(given) == said | {"base_built": None}


class Empty:
    """A version without any file but what a test gives it."""

    name, commit = "main", "0123456789"

    def __init__(self, table=None):
        self.held = table

    def json(self, path):
        return {}

    yaml = json

    def csv(self, path, text=()):
        return None

    def warnings(self):
        return []

    def table(self, path):
        return self.held if path == SCORES else None


def gate(passes=True):
    sentence = Markdown(f"**{'Better' if passes else 'Worse'}:** by `recall`.")
    return Verdict(passes, sentence, {}, Markdown("How."), Rule("recall", 0.01))


PICTURES = [Picture("one", "about one", b"light", b"dark")]


@pytest.mark.parametrize("html", [True, False])
def test_the_files_of_a_report(tmp_path, html):
    place = write(
        sections(Empty(), Empty(), Binary(small_problem()), gate(), ["a note"]), PICTURES, tmp_path / "out", html
    )
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(files) == {"one-light.png", "one-dark.png", "comment.md", "report.md"} | (
        {"report.html"} if html else set()
    )
    assert (files["one-light.png"], files["one-dark.png"]) == (b"light", b"dark")
    assert place == tmp_path / "out" / ("report.html" if html else "report.md")
    comment, text = files["comment.md"].decode(), files["report.md"].decode()
    assert "one-light.png" not in comment
    assert 'src="one-light.png"' in text
    assert text.replace(PICTURES[0].beside() + "\n\n", "") == comment
    if html:
        page = files["report.html"].decode()
        assert "<title>Model report</title>" in page
        assert "data:image/png;base64,bGlnaHQ=" in page
        assert "How." in page


@pytest.fixture
def run_report(monkeypatch, tmp_path):
    """Run the command on made-up versions; return what it built, noted and was asked to compare."""

    def run(*argv, passes=True, same=False, scores=None):
        seen = SimpleNamespace(built=[], compared=[], pictured=[])
        base, head, problem = Empty(scores), Empty(), small_problem()

        class Rebuilt:
            def __init__(self, side, path):
                seen.built.append((side, path))

            def __enter__(self):
                seen.is_open = True
                return "built here"

            def __exit__(self, *error):
                seen.is_open = False

        def verdict(*given):
            seen.compared.append(given)
            seen.was_open = getattr(seen, "is_open", None)
            return gate(passes)

        def revision(name):
            base.name = name
            return base

        made = {
            "Revision": revision,
            "Workspace": lambda: head,
            "load_params": lambda: SimpleNamespace(problem="made_up"),
            "load_problem": {"made_up": problem}.__getitem__,
            "have_same_scores": lambda *sides: same and sides == (base, head),
            "rebuilt": Rebuilt,
            "verdict": verdict,
            "curves": lambda side: side,
            "pictures": lambda *sides: PICTURES if sides == (base, head) else None,
        }
        for name, value in made.items():
            monkeypatch.setattr(commands, name, value)
        seen.base, seen.head, seen.problem, seen.out = base, head, problem, tmp_path / "out"
        commands.report([*argv, "--out", str(seen.out)])
        return seen

    return run


def test_a_passing_report_says_why_and_where_it_stands(run_report, capsys):
    seen = run_report("--base", "other", "--html")
    assert capsys.readouterr().out == f"Better: by recall.\n{seen.out / 'report.html'}\n"
    assert (seen.out / "report.html").exists()
    ((base, head, params, problem),) = seen.compared
    assert (base, head, params.problem, problem) == (seen.base, seen.head, "made_up", seen.problem)
    assert base.name == "other"
    assert seen.built == []


def test_a_failing_gate_ends_with_its_reason_after_the_report_is_written(run_report, capsys, tmp_path):
    with pytest.raises(PipelineError, match=r"^Worse: by recall\.$"):
        run_report(passes=False)
    assert capsys.readouterr().out == f"{tmp_path / 'out/report.md'}\n"
    assert "**Worse:** by `recall`." in (tmp_path / "out/report.md").read_text(encoding="utf-8")


def test_the_whole_report_is_printed_as_text(run_report, capsys):
    run_report("--plain")
    said = capsys.readouterr().out
    assert "Better: by recall." in said
    assert "Base: main at 01234567. Head: the workspace." in said


@pytest.mark.parametrize(
    ("argv", "same", "scores", "is_built"),
    [
        (["--build-base"], False, None, True),
        ([], False, None, False),
        (["--build-base"], True, None, False),  # nothing to learn: the tables are the same
        (["--build-base"], False, "a table", False),
    ],
)
def test_the_base_is_built_where_its_scores_are_missing_and_wanted(run_report, argv, same, scores, is_built):
    seen = run_report(*argv, same=same, scores=scores)
    assert seen.built == ([(seen.base, SCORES)] if is_built else [])
    assert seen.was_open is (True if is_built else None)  # what was built is there while it is compared
    assert ("built here" in (seen.out / "comment.md").read_text(encoding="utf-8")) is is_built


def test_the_summary_is_made_from_the_files_of_the_last_run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_warnings("split", ["the test part has 7 illnesses"])
    capsys.readouterr()
    figures = {"test": {"recall": 0.5}, "baseline": {"amount": 0.1}}
    decision = {"decision": {"threshold": 0.4, "probability_at_threshold": 0.3, "calibration": "sigmoid"}}
    files = {
        "metrics/evaluate/evaluation.json": figures,
        "metrics/evaluate/intervals.json": {"test": {"recall": [0.4, 0.6]}},
        "metrics/decide/decision.json": decision,
        "metrics/split/split.json": {"split": {"test_rows": 1200, "test_positives": 34, "test_rows_left_out": 0}},
    }
    problems = {"made_up": small_problem(words=WORDS)}
    monkeypatch.setattr(commands, "read_json", files.__getitem__)
    monkeypatch.setattr(commands, "load_params", lambda: SimpleNamespace(problem="made_up", split=params().split))
    monkeypatch.setattr(commands, "load_problem", problems.__getitem__)
    commands.summary([])
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "recall   0.5000  0.4000 to 0.6000"
    assert "alert from a score of 0.400, a probability of 0.300 (calibration: sigmoid)" in said
    assert "test window: 1,200 patients, 34 of them illnesses" in said
    assert said[-1] == "warning of split: the test part has 7 illnesses"
    with pytest.raises(SystemExit):
        commands.summary(["more"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_summary_speaks_of_each_kind_of_target(kind):
    task = task_of(problem(kind))
    files = written(task)
    names = ("metrics/evaluate/evaluation", "metrics/evaluate/intervals", "metrics/decide/decision")
    counts = {"binary": {"test_positives": 34}, "multiclass": {"test_classes": {"gold": 5, "tin": 13}}}.get(kind, {})
    split = {"split": {"test_rows": 600, **counts, "test_rows_left_out": 0}}
    text = lines(*(files[f"{name}.json"] for name in names), split, task, "test part")
    figures = files["metrics/evaluate/evaluation.json"]["test"]
    assert text[0].startswith("test part ")
    assert [line.split()[0] for line in text[1 : len(figures) + 1]] == list(figures)
    counted = {"binary": ", 34 of them illnesses", "multiclass": ": 5 gold, 13 tin", "regression": ""}[kind]
    assert f"test part: 600 patients{counted}" in text
    said = {"binary": "alert from", "multiclass": "the most probable class is", "regression": "intervals reach"}[kind]
    assert any(line.startswith(said) for line in text)
    assert any(line.startswith(f"{task.label(task.headline)} of the baselines: {task.baseline} ") for line in text)
