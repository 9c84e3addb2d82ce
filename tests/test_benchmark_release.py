"""The benchmark of releases in small, and that it says when an aim is missed."""

import sys

import numpy as np
import pytest

from benchmarks import canaries, release
from lifecycle.core.errors import PipelineError
from tests.lifecycle.release.evidence.helpers_arms import release_params


@pytest.fixture(scope="module")
def small() -> tuple[dict, dict]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canaries, "SIZES", (50,))
        return release.designs(60, release_params()), canaries.canaries(3, release_params())


def test_each_design_judges_the_same_worlds(small):
    found, _ = small
    assert {len(found[world]) for world in release.WORLDS} == {6}
    own = {world: results["paired shadow e-value"] for world, results in found.items() if world in release.WORLDS}
    assert own["5 points better"].promoted > 0.9
    assert own["30 points worse"].stopped == 1.0
    assert own["equal"].promoted < 0.1
    peeked = found["equal"]["z-test peeked at daily, 50/50"]
    assert peeked.promoted > 0.15


def test_the_worlds_have_the_recalls_that_they_are_called_by():
    recalls = {name: world.both + world.only_challenger for name, world in release.WORLDS.items()}
    assert list(recalls.values()) == pytest.approx([0.75, 0.74, 0.80, 0.80, 0.45])
    assert {round(world.both + world.only_champion, 9) for world in release.WORLDS.values()} == {0.75}


def test_a_null_step_ends_with_the_last_request_of_the_challenger():
    step = canaries.null_step(50, 0.05, canaries.START, np.random.default_rng(0)).requests
    assert (step["arm"] == "challenger").sum() == 50
    assert step["arm"].iloc[-1] == "challenger"
    arms = step.groupby("place")["arm"].nunique()
    assert (arms == 1).all()


def test_the_tables_have_a_line_for_each_design_and_size(small):
    lines = list(release.lines_of(*small))
    assert sum(line.startswith(("| mSPRT", "| A/B", "| paired", "| z-test")) for line in lines) == 6
    assert sum(line.startswith("| clustered, ") for line in lines) == 4
    assert any(line.startswith("| 50 | ") for line in lines)


def test_a_missed_aim_ends_it_with_an_error(monkeypatch, small, capsys):
    found, alarms = small
    monkeypatch.setattr(release, "designs", lambda *options: found)
    monkeypatch.setattr(release, "canaries", lambda *options: {size: [0.2, 0.0, 0.9] for size in alarms})
    monkeypatch.setattr(sys, "argv", ["release.py"])
    with pytest.raises(PipelineError, match="sound canaries of each size"):
        release.main()
    assert "MISSED  sound canaries" in capsys.readouterr().out
