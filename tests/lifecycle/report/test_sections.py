from lifecycle.report.sections import group_changes, slices_and_groups


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
    (line,) = group_changes(base, head, ("recall",))
    assert (line.group, line.base, line.head, line.text) == ("day", 0.8, 0.7, "↓ worse")


def test_a_wide_interval_on_one_side_is_enough_to_say_nothing():
    base, head = ({"hour": {"day": group(value, width=width)}} for value, width in ((0.8, 0.2), (0.7, 0.01)))
    assert group_changes(base, head, ("recall",)) == []


def test_a_false_positive_rate_is_better_when_it_falls_and_a_selection_rate_is_neither():
    names = ("false_positive_rate", "selection_rate")
    sides = [
        {"c": {"g": {"few": False} | {f"{n}{end}": value for n in names for end in ("", "_low", "_high")}}}
        for value in (0.2, 0.1)
    ]
    assert [line.text for line in group_changes(*sides, names)] == ["↓ better", "↓"]


def test_figures_that_are_not_defined_are_left_out():
    sides = [{"c": {"g": {"few": False, "recall": None}}}, {"c": {"g": group(0.1)}}]
    assert group_changes(*sides, ("recall",)) == []


def test_the_section_says_what_is_missing_and_names_the_worst():
    worst = [{"slice": "hour", "value": "night", "figure": "recall", "at": 0.5, "of_whole": 0.8}]
    head = Side(slices={"slices": {"hour": {"day": group(0.8)}}, "worst": worst})
    first, table, last = slices_and_groups(Side(slices=head.content["slices"]), head)
    assert first.parts == ("No slice has changed by more than its intervals allow.",)
    assert table.rows == (("hour", "night", "recall", "0.5000", "0.8000"),)
    assert "metrics/audit/fairness.json" in last.parts
