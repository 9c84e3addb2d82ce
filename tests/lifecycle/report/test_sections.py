import pandas as pd
import pytest

from lifecycle.document.markdown_template import Markdown
from lifecycle.evaluation.comparison import BETTER, SAME, WORSE, Difference
from lifecycle.evaluation.metrics import GROUPS, SLICES
from lifecycle.evaluation.tasks.binary import Binary
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.report.drift import drift
from lifecycle.report.sections import group_changes, markdown, sections, slices_and_groups
from lifecycle.report.verdict import Rule, Verdict
from tests.helpers_data import small_problem
from tests.helpers_kinds import problem

TASK = Binary(small_problem())
RULE = Rule("recall", 0.01)


class Side:
    def __init__(self, **content):
        self.content = content

    def json(self, path):
        return self.content.get(path.split("/")[-1].removesuffix(".json"), {})


def group(recall, few=False, width=0.05, **more):
    return {
        "few": few,
        "records": 9,
        "recall": recall,
        "recall_low": recall - width,
        "recall_high": recall + width,
    } | more


def test_only_what_lies_outside_both_intervals_has_group_changes():
    base = {"hour": {"day": group(0.8), "night": group(0.8), "rare": group(0.8, few=True), "gone": group(0.1)}}
    head = {"hour": {"day": group(0.7), "night": group(0.76), "rare": group(0.1), "new": group(0.9)}}
    assert group_changes((base, head), TASK, SLICES) == [("hour", "`day`", "`recall`", "0.8000", "0.7000", "↓ worse")]


def test_a_wide_interval_on_one_side_is_enough_to_say_nothing():
    base, head = ({"hour": {"day": group(value, width=width)}} for value, width in ((0.8, 0.2), (0.7, 0.01)))
    assert group_changes((base, head), TASK, SLICES) == []


def test_a_false_positive_rate_is_better_when_it_falls_and_a_selection_rate_is_neither():
    names = ("false_positive_rate", "selection_rate")
    sides = [
        {"c": {"g": {"few": False} | {f"{n}{end}": value for n in names for end in ("", "_low", "_high")}}}
        for value in (0.2, 0.1)
    ]
    assert [row[-1] for row in group_changes(sides, TASK, GROUPS)] == ["↓ better", "↓"]


def test_figures_that_are_not_defined_are_left_out():
    sides = [{"c": {"g": {"few": False, "recall": None}}}, {"c": {"g": group(0.1)}}]
    assert group_changes(sides, TASK, SLICES) == []


def test_the_section_says_what_is_missing_and_names_the_worst():
    worst = [{"slice": "hour", "value": "night", "figure": "recall", "at": 0.5, "of_whole": 0.8}]
    head = Side(slices={"slices": {"hour": {"day": group(0.8)}}, "worst": worst})
    found = slices_and_groups(Side(slices=head.content["slices"]), head, TASK)
    assert [(kind, rows) for kind, _, rows in found["groups"]] == [("slice", []), ("group of people", None)]
    assert found["worst"] == [("hour", "`night`", "`recall`", "0.5000", "0.8000")]


class Version(Side):
    """A version of nothing but what the test gives it."""

    name, commit = "main", "0123456789"

    def yaml(self, path):
        return self.content.get(path.split("/")[-1].removesuffix(".yaml"), {})

    def text(self, path):
        return ""

    def table(self, path):
        return None

    def csv(self, path, text=()):
        return self.table(path)

    def warnings(self):
        return self.content.get("warnings", [])


def report(base=None, head=None, **verdict):
    said = {"passes": True, "sentence": Markdown("**Better:** `recall`."), "figures": {}, "how": "Apart.", "rule": RULE}
    gate = Verdict(**said | verdict)
    return markdown(sections(base or Version(), head or Version(), TASK, gate, ["a_note"]))


def test_what_is_not_there_is_said_not_to_be():
    text = report()
    assert "**Better:** `recall`.\n\na\\_note\n\nBase: `main` at `01234567`. Head: the workspace.\n\n## Metrics" in text
    for said in (
        "The stages found nothing doubtful.",
        "No value has changed.",
        "Drift of the features is not known: the base's models/features.json is not there.",
        "No comparison by slice: `metrics/audit/slices.json` is not there on both sides.",
        "No comparison by group of people: `metrics/audit/fairness.json` is not there on both sides.",
        "Not known: models/features.json is not there on both sides.",
        "None: every stage has the inputs that it had in the base.",
    ):
        assert f"\n\n{said}\n" in text
    assert "\n\n\n" not in text


def test_what_has_changed_is_listed():
    columns = [{"name": name, "definition": name} for name in "abc"]
    base = Version(params={"train": {"depth": 14}}, features={"columns": columns[:2], "hidden": []})
    head = Version(params={"train": {"depth": 2}}, features={"columns": columns[1:], "hidden": ["b"]})
    text = report(base, head)
    assert "| `train.depth` | `14` | `2` |" in text
    assert "## Features\n\nadded: `c`; removed: `a`; redefined: `b`.\n\n## Stages" in text
    assert "\n\n\n" not in text


def test_pictures_stand_side_by_side():
    content = sections(Version(), Version(), TASK, Verdict(True, Markdown(""), {}, Markdown(""), RULE), [])
    assert "## Plots\n\n<one>\n<two>\n\n| at a recall of |" in markdown(content, ["<one>", "<two>"])
    assert "## Plots\n\n| at a recall of |" in markdown(content)


def test_warnings_of_the_head_are_shown_with_their_stage():
    text = report(head=Version(warnings=[("split", "few_patients are left"), ("evaluate", "the model loses to ridge")]))
    assert (
        "## Warnings\n\n- `split`: few\\_patients are left.\n- `evaluate`: the model loses to ridge.\n\n## Params"
        in text
    )
    assert "nothing doubtful" not in text
    assert "\n\n\n" not in text


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_precision_at_a_recall_is_shown_of_a_binary_target_alone(kind):
    gate = Verdict(True, Markdown(""), {}, Markdown(""), RULE)
    content = sections(Version(), Version(), task_of(problem(kind)), gate, [])
    assert "recall" not in markdown(content)
    assert "## Plots\n\nThe pictures stand in `report.md` alone.\n\n## Slices" in markdown(content)
    assert "## Plots\n\n<one>\n\n## Slices" in markdown(content, ["<one>"])


class Tables(Version):
    """A version that has tables too, by their paths."""

    def __init__(self, tables=None, **content):
        super().__init__(**content)
        self.tables = tables or {}

    def table(self, path):
        return self.tables.get(path)


def content_of(base=None, head=None, figures=None):
    gate = Verdict(True, Markdown(""), figures or {}, Markdown(""), RULE)
    return sections(base or Tables(), head or Tables(), TASK, gate, [])


@pytest.mark.parametrize(
    ("figure", "row"),
    [
        ((0.5, 0.25, -0.25, -0.3, -0.2, WORSE), ("0.5000", "0.2500", "-0.2500", "-0.3000 to -0.2000", "↓ worse")),
        ((10.0, 9.0, -1.0, -2.0, -0.5, BETTER), ("10.00", "9.00", "-1.00", "-2.00 to -0.50", "↓ better")),
        ((-3.0, -20.0, -17.0, -18.0, -16.0, WORSE), ("-3.00", "-20.00", "-17.00", "-18.00 to -16.00", "↓ worse")),
        ((0.02, 0.01, -0.01, -0.02, 0.01, SAME), ("0.0200", "0.0100", "-0.0100", "-0.0200 to +0.0100", "")),
        (
            (0.01, 0.0199, 0.0099, 0.001, 0.02, BETTER),
            ("0.010000", "0.019900", "+0.009900", "+0.001000 to +0.020000", "↑ better"),
        ),
        ((0.3, 0.4, 0.1, float("nan"), float("nan"), SAME), ("0.3000", "0.4000", "+0.1000", "not known", "")),
    ],
)
def test_a_figure_is_shown_with_about_four_digits_and_an_arrow_where_it_is_more_than_chance(figure, row):
    *numbers, said = figure
    found = content_of(figures={"recall": Difference(*numbers, 0.5, 0.0, said)})
    assert found["metrics"] == [("`recall`", *row)]


def counts(**data):
    return {"data": data}


def raw(md5):
    return {"stages": {"ingest": {"outs": [{"path": "data/raw/records.parquet", "md5": md5}]}}}


def test_the_data_are_compared_count_by_count_and_by_their_hash():
    base = Tables(data_quality=counts(rows=1200, gone="x", first="a"), dvc=raw("0123456789"))
    base.yaml = lambda path: raw("0123456789") if path == "dvc.lock" else {}
    head = Tables(data_quality=counts(rows=1200, first="b", bad_rows=3))
    head.yaml = lambda path: raw("9876543210") if path == "dvc.lock" else {}
    assert content_of(base, head)["data"] == [
        ("rows", "1,200", "1,200", ""),
        ("first", "a", "b", "changed"),
        ("bad rows", "-", "3", "changed"),
        ("gone", "x", "-", "changed"),
        ("hash of the raw records", "`01234567`", "`98765432`", "changed"),
    ]
    assert content_of(base, base)["data"][-1] == ("hash of the raw records", "`01234567`", "`01234567`", "")
    assert content_of()["data"] == [("hash of the raw records", "-", "-", "")]


def test_drift_is_told_by_feature_with_a_word_for_its_size_or_what_is_missing():
    columns = [{"name": name, "null_share": 0.0, "categories": {"a": 0.5, "b": 0.5}} for name in ("calm", "mid", "far")]
    train = pd.DataFrame({"calm": list("ab") * 50, "mid": list("a" * 68 + "b" * 32), "far": ["a"] * 100})
    contract, path = {"columns": columns, "hidden": []}, "data/splits/train.parquet"
    base, head = Tables(features=contract), Tables({path: train})
    index = drift(contract, train)
    assert content_of(base, head)["drift"] == [
        ("`far`", f"{index['far']:.3f}", "large"),
        ("`mid`", f"{index['mid']:.3f}", "moderate"),
        ("`calm`", "0.000", ""),
    ]
    assert content_of(base, Tables())["drift"] == f"the workspace's {path}"
    assert content_of(Tables(), head)["drift"] == "the base's models/features.json"
    assert content_of()["drift"] == "the base's models/features.json"


def test_the_points_of_both_curves_are_shown():
    curve = pd.DataFrame({"recall": [0.5, 0.9], "precision": [0.8, 0.4]})
    path = "metrics/evaluate/precision_recall.csv"
    found = content_of(Tables({path: curve}), Tables({path: curve.assign(precision=0.25)}))["points"]
    assert found == [
        ("50%", "80.0%", "25.0%"),
        ("60%", "40.0%", "25.0%"),
        ("70%", "40.0%", "25.0%"),
        ("80%", "40.0%", "25.0%"),
        ("90%", "40.0%", "25.0%"),
    ]


def test_groups_and_slices_are_compared_where_both_sides_have_them():
    both = [{"hour": {"day": group(value)}} for value in (0.8, 0.6)]
    people = [{"age": {"groups": {"old": group(value, few=False)}}} for value in (0.8, 0.6)]
    sides = [Tables(slices={"slices": by}, fairness=cut) for by, cut in zip(both, people, strict=True)]
    found = content_of(*sides)
    assert found["groups"] == [
        ("slice", "metrics/audit/slices.json", [("hour", "`day`", "`recall`", "0.8000", "0.6000", "↓ worse")]),
        (
            "group of people",
            "metrics/audit/fairness.json",
            [("age", "`old`", "`recall`", "0.8000", "0.6000", "↓ worse")],
        ),
    ]
    assert [rows for *_, rows in content_of(sides[0], Tables())["groups"]] == [None, None]
    assert found["worst"] == []


def test_a_value_at_the_end_of_an_interval_has_not_changed():
    ends = {"few": False, "recall": 0.5, "recall_low": 0.4, "recall_high": 0.6}
    for value in (0.4, 0.6):
        other = ends | {"recall": value, "recall_low": value - 0.01, "recall_high": value + 0.01}
        assert group_changes(({"c": {"g": ends}}, {"c": {"g": other}}), TASK, SLICES) == []
        assert group_changes(({"c": {"g": other}}, {"c": {"g": ends}}), TASK, SLICES) == []


def test_stages_say_why_they_ran_what_came_out_and_how_long_they_took():
    def lock(version):
        deps = [{"path": path, "md5": version} for path in ("src/a", "src/b.py", "src/c", "data/x")]
        many = {f"p{number}": version for number in range(4)}
        outs = [{"path": "m", "md5": version}, {"path": "n", "md5": "same"}]
        stages = {"train": {"deps": deps, "params": {"params.yaml": many}, "outs": outs}, "copy": {"cmd": version}}
        return {"stages": stages | {"split": {"deps": deps[3:]}}}

    base, head = Tables(), Tables(stage_times={"train": 1.25, "copy": None})
    base.yaml, head.yaml = (
        lambda path, version=version: lock(version) if path == "dvc.lock" else {} for version in ("1", "2")
    )
    assert content_of(base, head)["stages"] == [
        ("`train`", "`p0, p1, p2 and 1 more; data/x; code: a, b.py and 1 more`", "1 of 2", "1.2 s"),
        ("`copy`", "`its command`", "0 of 0", "not known"),
        ("`split`", "`data/x`", "0 of 0", "not known"),
    ]
    head.yaml = lambda path: lock("2") if path == "dvc.lock" else {"p0": "3", "p1": "2", "p2": "2", "p3": "2"}
    assert content_of(base, head)["stale"] == ["p0"]


def test_features_are_counted_and_named_by_what_became_of_them():
    columns = [{"name": name, "definition": name} for name in "abc"]
    base, head = (Tables(features={"columns": part, "hidden": []}) for part in (columns[:2], columns[1:]))
    assert content_of(base, head)["features"] == {"total": 2, "changed": {"added": ["c"], "removed": ["a"]}}
    assert content_of(base, Tables())["features"] == {}
