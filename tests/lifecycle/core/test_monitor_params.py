"""The block `monitor`: what is wrong with it is told in words."""

import copy

import pytest
import yaml

from lifecycle.core.errors import PipelineError
from lifecycle.core.monitor_params import KINDS, SEVERITY, MonitorParams, Rule
from lifecycle.core.section import checked
from tests.graph import ROOT

CONTENT = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["monitor"]


def read(**changes):
    return checked(MonitorParams, copy.deepcopy(CONTENT) | changes, "params.yaml")


def without(block, name):
    return {key: value for key, value in CONTENT[block].items() if key != name}


def rule(**changes):
    return {"actions": [{"class": "score", "action": "ticket", "because": "look"} | changes]}


def test_the_block_as_it_stands_is_legal_and_says_what_to_do_about_every_class():
    found = read()
    assert {one.kind for one in found.actions} == set(KINDS)
    assert {one.action for one in found.actions} <= set(SEVERITY)
    assert all(any(one.fits(kind, 1.0, 1e9) for one in found.actions) for kind in KINDS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"persistance": {}}, "persistance = {}: unknown key; known here: persistence, budget, actions"),
        (
            {"persistence": {**CONTENT["persistence"], "score": 0}},
            r"persistence.score = 0: .*greater than or equal to 1",
        ),
        ({"persistence": {**CONTENT["persistence"], "score": 1.5}}, r"persistence.score = 1.5: .*valid integer"),
        ({"persistence": without("persistence", "volume")}, "persistence must name the classes .*volume, and no other"),
        ({"persistence": {**CONTENT["persistence"], "concept": 1}}, "persistence must name the classes"),
        ({"budget": without("budget", "concept")}, "budget must name the classes concept, .*and no other"),
        ({"budget": {**CONTENT["budget"], "drift": 1}}, "budget must name the classes"),
        ({"budget": 4}, r"budget = 4: .*valid dictionary"),
        (rule(**{"class": "drift"}), r"actions = 'drift': .*'schema'|actions.*'drift'"),
        (rule(action="call"), r"'call': .*'page'"),
        (rule(size=0.0), r"0.0: .*greater than 0"),
        (rule(first_days=-1.0), r"-1.0: .*greater than 0"),
        (rule(severity="high"), "'high': unknown key"),
        ({"actions": [{"class": "score", "action": "ticket"}]}, "because|required"),
        ({"review_capacity_per_day": 0}, r"review_capacity_per_day = 0: .*greater than or equal to 1"),
        ({"samples": 49}, r"samples = 49: .*greater than or equal to 50"),
        ({"seed": -1}, r"seed = -1"),
        ({"previous": 3}, r"previous = 3: .*valid string"),
    ],
)
def test_a_wrong_key_is_refused_in_words(changes, words):
    with pytest.raises(PipelineError, match=words) as refusal:
        read(**changes)
    assert str(refusal.value).startswith("params.yaml:\n  ")


@pytest.mark.parametrize("name", CONTENT)
def test_a_key_that_is_missing_is_named(name):
    content = {key: value for key, value in CONTENT.items() if key != name}
    with pytest.raises(PipelineError, match=rf"\n  {name}: Field required"):
        checked(MonitorParams, content, "params.yaml")


@pytest.mark.parametrize(
    ("kind", "size", "age", "fits"),
    [("score", 2.0, 6.9, True), ("score", 1.9, 0, False), ("score", 2.0, 7, False), ("volume", 9.0, 0, False)],
)
def test_a_line_fits_by_class_size_and_age(kind, size, age, fits):
    line = Rule.model_validate({"class": "score", "size": 2.0, "first_days": 7, "action": "page", "because": "x"})
    assert line.fits(kind, size, age) == fits
