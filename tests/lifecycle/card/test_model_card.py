import copy
import re
from dataclasses import replace

import pytest

from lifecycle.card.model_card import card
from lifecycle.core.tables import WARNINGS
from lifecycle.document.markdown_template import number
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.problem.loading import load_problem
from lifecycle.problem.purpose import NOT_DECLARED, Words
from tests.helpers_card import facts, figures_of_a_run, records, untraced  # noqa: F401

SECTIONS = [
    "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data", "Quantitative analyses",
    "Ethical considerations", "Caveats and recommendations",
]  # fmt: skip
PROBLEMS = ("transactions", "creditcard")


def written(**changes):
    return card(facts(**changes))


def inputs(found):
    return [found.json, found.windows, found.files, found.versions, found.delay_days, found.audit.model_dump()]


def anonymous(**changes):
    """Return facts like those of creditcard.csv: no cards, no groups, labels known at once."""
    content = copy.deepcopy(records()) | {"metrics/audit/fairness.json": {}}
    del content["metrics/evaluate/evaluation.json"]["test"]["entity_precision_at_100"]
    content["metrics/split/split.json"]["split"]["test_rows_left_out"] = 0
    return facts(name="creditcard", problem=load_problem("creditcard"), json=content, delay_days=0.0, **changes)


def test_the_sections_are_those_of_the_paper_in_its_order():
    assert re.findall(r"^## (.+)$", written(), re.MULTILINE) == SECTIONS


def test_every_number_stands_in_an_input():
    for found in (facts(), anonymous()):
        assert untraced(card(found), inputs(found)) == set()


@pytest.mark.parametrize("planted", ["0.7777", "31,337", "1.7 %", "0.76734", "2031-02-03"])
def test_a_number_that_stands_in_no_input_is_found(planted):
    text = written().replace("## Factors", f"## Factors\n\nIt is {planted}, they say.")
    assert untraced(text, inputs(facts())) == {planted.split()[0]}


def test_a_figure_that_changed_after_the_card_was_written_is_found():
    later = facts(json=copy.deepcopy(records()))
    later.json["metrics/decide/decision.json"]["decision"]["alerts_per_day"] = 12.345
    old = number(records()["metrics/decide/decision.json"]["decision"]["alerts_per_day"])
    assert untraced(written(), inputs(later)) == {old}


def test_the_same_facts_give_the_same_text():
    assert written() == written()


def test_a_problem_without_a_purpose_says_so():
    problem = facts().problem
    text = written(problem=problem.__class__(**{**vars(problem), "purpose": None}))
    assert "declares no purpose" in text
    purpose = NOT_DECLARED
    assert all(sentence in text for sentence in (*purpose.uses, *purpose.forbidden, *purpose.ethics, *purpose.caveats))


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_problems_of_the_repository_say_what_is_forbidden_and_no_number(name):
    purpose = load_problem(name).purpose
    assert purpose.forbidden
    assert purpose.ethics
    assert not re.search(r"\d", str(purpose))


def test_a_problem_without_cards_and_groups_is_told_as_such():
    text = card(anonymous())
    assert "None declared." in text
    assert "nothing is known of unequal treatment" in text
    assert "resample the records of one test window" in text
    assert "days late" not in text
    assert "Recall differs most" not in text
    assert "left out" not in text.split("## Ethical considerations")[0]


def test_what_the_split_leaves_out_is_counted():
    number = records()["metrics/split/split.json"]["split"]["test_rows_left_out"]
    assert number > 0
    assert f"{number:,} further payments of these days are left out: their card had a known fraud" in written()


def test_every_figure_has_a_meaning():
    task = task_of(facts().problem)
    for name in records()["metrics/evaluate/evaluation.json"]["test"]:
        assert f"| `{name}` | {task.meaning(name)} |" in written()


def test_the_card_of_another_problem_has_no_word_of_payments():
    words = Words(record="patient", positive="illness", negative="healthy", entity="clinic")
    problem = replace(facts().problem, words=words, purpose=None)
    text = written(problem=problem, json=records() | {path: [] for path in WARNINGS.values()})
    prose = re.sub(r"`[^`]*`", "", text)  # columns, files and values are the problem's own
    features = [column["name"] for column in records()["models/features.json"]["columns"]]
    for other in (*features, *(band.name for band in (*problem.slices, *problem.groups)), *problem.columns):
        prose = prose.replace(other.replace("_", r"\_"), "")
    assert not re.findall(r"fraud|payment|\bcards?\b(?!:)|genuine|terminal|compromised", prose.split("\n", 2)[2])
    assert "missed illness" in text
    assert "resample the clinics" in text


def test_small_groups_are_marked_and_are_no_evidence():
    content = copy.deepcopy(records())
    groups = content["metrics/audit/fairness.json"]["region"]["groups"]
    groups["south-west"] |= {"few": True, "recall": 0.0}
    text = written(json=content)
    assert "| region | `south-west` | few |" in text
    assert "for south-west" not in text


def test_figures_that_are_not_defined_are_said_not_to_be():
    content = copy.deepcopy(records())
    content["metrics/audit/fairness.json"]["region"]["groups"]["south-west"]["recall"] = None
    content["metrics/audit/stability.json"]["with_age"]["average_precision_per_window"] = dict.fromkeys(
        ("value", "low", "high")
    )
    content["metrics/audit/slices.json"] = {"worst": [], "slices": {}}
    text = written(json=content)
    assert "too few windows to tell" in text
    assert "None has enough frauds to be judged." in text
    assert "| not defined |" in text


def test_every_table_has_as_many_cells_in_each_row():
    for block in written().split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1
