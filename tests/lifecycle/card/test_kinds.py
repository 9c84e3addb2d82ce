"""The card of each kind of target, from made-up records without a time."""

import re
from dataclasses import replace

import pytest

from lifecycle.card.model_card import card
from tests.helpers_card import untraced
from tests.helpers_kinds import CLASSES, KINDS, facts

COSTS = [[0.0, 3.0, 7.0, 1.5], [2.0, 0.0, 6.0, 1.5], [11.0, 12.0, 0.0, 1.5]]


def section(text, title):
    return text.partition(f"**{title}.**")[2].partition("\n**")[0].partition("\n## ")[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_stands_in_an_input_and_every_table_is_whole(kind):
    found = facts(kind)
    text = card(found)
    inputs = [found.json, found.windows, found.files, found.versions, found.audit.model_dump(), "r2 f1 log-loss"]
    assert untraced(text, inputs) == set()
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace(r"\|", "").count("|") for line in block.splitlines()}) == 1
    assert "\n\n\n\n" not in text
    assert not re.search(r" +\n", text)


@pytest.mark.parametrize("kind", KINDS)
def test_records_without_a_time_are_told_as_such(kind):
    text = card(facts(kind))
    assert "The records have no time, so there are no windowed features and no delay of a label" in text
    assert "drawn by chance, each class alike; model and decision" in text
    assert "**With age.** Not known: the records have no time" in text
    assert "figure (test part)" in text
    for other in ("first of", "stood behind", "window", "later than all"):
        assert other not in text.partition("## Ethical")[0].replace("windowed", "")


def test_records_with_a_time_that_are_drawn_by_chance_are_no_proof_for_later_ones():
    own = replace(facts("binary").problem, time="age", entity="place")
    text = card(facts("binary", strategy="group", problem=own))
    assert "drawn by chance: whole entities; model and decision" in text
    assert "Some of what the model learned from is later" in text
    assert "**With age.** Not known: the parts are drawn by chance" in text


def test_only_positives_or_classes_or_nothing_is_counted():
    assert "600 records, 311 of them illnesses." in card(facts("binary"))
    assert r"600 records: 5 of `gold`, 8 of `silver \| x`, 13 of `tin`." in card(facts("multiclass"))
    assert "**Test part.** 600 records.\n" in card(facts("regression"))
    assert "illness" not in card(facts("multiclass")) + card(facts("regression"))


@pytest.mark.parametrize(
    ("kind", "figures"),
    [
        ("binary", "average precision recall"),
        ("multiclass", "log loss macro recall"),
        ("regression", "r2 mean absolute error root mean squared error"),
    ],
)
def test_slices_and_baselines_show_the_figures_of_their_kind(kind, figures):
    text = card(facts(kind))
    headline = {"binary": "average precision", "multiclass": "log loss", "regression": "r2"}[kind]
    lowest = "highest" if kind == "multiclass" else "lowest"
    slices = section(text, "Slices")
    counted = "illnesses" if kind == "binary" else "patients"
    assert f"The {lowest} {headline} of the slices with enough {counted}:" in slices
    columns = [cell.partition(" (")[0].strip() for cell in slices.split("\n\n")[1].splitlines()[0].split("|")[3:-1]]
    assert " ".join(columns) == f"records {'illnesses ' if kind == 'binary' else ''}{figures}"
    assert f"| baseline | {headline} |" in text


@pytest.mark.parametrize("kind", KINDS)
def test_small_groups_are_few_in_what_is_counted(kind):
    text = card(facts(kind))
    counted = "illnesses" if kind == "binary" else "patients"
    assert f"fewer than 30 {counted} is marked as few" in text
    assert "| place | `rare` | few |" in text
    assert f"Intersections with too few {counted} to be judged" in text


def test_several_classes_are_decided_by_probability_or_by_cost():
    assert "The most probable class is decided. On the validation parts" in card(facts("multiclass"))
    abstains = card(facts("multiclass", {"decide__abstain_below": 0.5}))
    assert "where its probability is below 0.5000, none is, and a person decides. On the" in abstains
    assert "were left to a person." in abstains
    costly = card(facts("multiclass", {"decide__cost_matrix": COSTS}))
    assert "or none where abstaining costs less, and a person decides." in costly
    assert r"| true class | gold | silver \| x | tin | abstaining |" in costly
    assert "| tin | 11 | 12 | 0 | 1.5000 |" in costly
    assert "The decided class is right for the declared costs only" in costly
    assert len(re.findall(r"^\| `(?:none|sigmoid|isotonic)` \| [\d.]+ \|$", costly, re.MULTILINE)) == len(CLASSES)


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ([0.8, 0.95], "as stated, within noise"),
        ([0.8, 0.89], "less than stated by"),
        ([0.91, 0.95], "more than stated"),
    ],
)
def test_intervals_hold_as_stated_or_not(ends, said):
    found = facts("regression")
    found.json["metrics/evaluate/intervals.json"]["test"]["coverage"] = ends
    assert said in section(card(found), "Decision")
    assert section(card(found), "Calibration").startswith(" None: ")


def test_a_threshold_that_params_fix_is_not_called_the_cheapest():
    cheapest, fixed = card(facts("binary")), card(facts("binary", fixed_threshold=True))
    assert "the threshold that costs least on the validation parts, where" in cheapest
    assert "a fixed threshold (`decide.threshold`). On the validation parts, where" in fixed
    assert "The threshold is fixed" in fixed
    assert "alerts a day" not in cheapest


@pytest.mark.parametrize("kind", KINDS)
def test_warnings_of_the_stages_are_caveats(kind):
    caveats = card(facts(kind)).partition("## Caveats")[2]
    assert "- A warning of the stage `split`: the test part has 7 patients.\n" in caveats
    assert caveats.count("A warning of") == 1
