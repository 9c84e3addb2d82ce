from lifecycle.document.markdown_template import Markdown
from lifecycle.report.sections import group_changes, markdown, sections, slices_and_groups
from lifecycle.report.verdict import Verdict


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
    assert group_changes(base, head, ("recall",)) == [("hour", "`day`", "`recall`", "0.8000", "0.7000", "↓ worse")]


def test_a_wide_interval_on_one_side_is_enough_to_say_nothing():
    base, head = ({"hour": {"day": group(value, width=width)}} for value, width in ((0.8, 0.2), (0.7, 0.01)))
    assert group_changes(base, head, ("recall",)) == []


def test_a_false_positive_rate_is_better_when_it_falls_and_a_selection_rate_is_neither():
    names = ("false_positive_rate", "selection_rate")
    sides = [
        {"c": {"g": {"few": False} | {f"{n}{end}": value for n in names for end in ("", "_low", "_high")}}}
        for value in (0.2, 0.1)
    ]
    assert [row[-1] for row in group_changes(*sides, names)] == ["↓ better", "↓"]


def test_figures_that_are_not_defined_are_left_out():
    sides = [{"c": {"g": {"few": False, "recall": None}}}, {"c": {"g": group(0.1)}}]
    assert group_changes(*sides, ("recall",)) == []


def test_the_section_says_what_is_missing_and_names_the_worst():
    worst = [{"slice": "hour", "value": "night", "figure": "recall", "at": 0.5, "of_whole": 0.8}]
    head = Side(slices={"slices": {"hour": {"day": group(0.8)}}, "worst": worst})
    found = slices_and_groups(Side(slices=head.content["slices"]), head)
    assert [(kind, rows) for kind, _, rows in found["groups"]] == [("slice", []), ("group of people", None)]
    assert found["worst"] == [("hour", "`night`", "`recall`", "0.5000", "0.8000")]


class Version(Side):
    """A version of nothing but what the test gives it."""

    name, commit = "main", "0123456789"

    def yaml(self, path):
        return self.content.get(path.split("/")[-1].removesuffix(".yaml"), {})

    def text(self, path):
        return ""

    def csv(self, path):
        return None

    table = csv


def report(base=None, head=None, **verdict):
    said = {"passes": True, "sentence": Markdown("**Better:** `recall`."), "figures": {}, "how": "Apart."}
    gate = Verdict(**said | verdict)
    return markdown(sections(base or Version(), head or Version(), gate, ["a_note"]))


def test_what_is_not_there_is_said_not_to_be():
    text = report()
    assert "**Better:** `recall`.\n\na\\_note\n\nBase: `main` at `01234567`. Head: the workspace.\n\n## Metrics" in text
    for said in (
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
    content = sections(Version(), Version(), Verdict(True, Markdown(""), {}, Markdown("")), [])
    assert "## Plots\n\n<one>\n<two>\n\n| at a recall of |" in markdown(content, ["<one>", "<two>"])
    assert "## Plots\n\n| at a recall of |" in markdown(content)
