"""The watch that takes a version back: what it must see, what must not alarm it, and when it leaves it to a person."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.release.automatic_rollback import Watched, judge, look, watch_checks, watched_of
from lifecycle.release.evidence.arm_records import ArmRecords
from lifecycle.release.evidence.gate_result import GateResult
from lifecycle.release.registry.release_steps import Place
from lifecycle.release.route import Route, change_route, place_of, read_route
from tests.lifecycle.release.evidence.helpers_arms import START, release_params

CHAMPION, CHALLENGER, EARLIER = "a" * 12, "b" * 12, "c" * 12
HOUR = pd.Timedelta(hours=1)
CANARY = Route(7, "canary", CHAMPION, CHALLENGER, EARLIER, 0.1, "salt")


def traffic(requests: int = 6000, share: float = 0.1, seed: int = 1) -> pd.DataFrame:
    """Return an hour of requests of entities with two requests each on average."""
    rng = np.random.default_rng(seed)
    place = rng.random(requests // 2)[rng.integers(0, requests // 2, requests)]
    table = pd.DataFrame({"time": START + HOUR * np.arange(requests) / requests, "place": place})
    table["arm"] = np.where(place < share, "challenger", "champion")
    table["score"], table["status"], table["milliseconds"] = rng.beta(0.3, 3, requests), 200, 3.0
    table["request_id"], table["row"] = [f"r{n}" for n in range(requests)], 0
    return table.assign(alert=(table["score"] > 0.6).astype(float), code=np.nan)


def found_in(table: pd.DataFrame, watched: Watched | None = None, labels: pd.DataFrame | None = None) -> GateResult:
    watched = watched or Watched(CANARY, START, CHAMPION, CHALLENGER, 0.1)
    return watch_checks(release_params(), watched, ArmRecords(table, table, {}), START + HOUR, labels)


def action(table: pd.DataFrame, route: Route = CANARY, now: pd.Timestamp = START + HOUR) -> str:
    watched = Watched(route, START, CHAMPION, CHALLENGER, 0.1)
    return judge(release_params(), watched, found_in(table, watched), now).action


def spoilt(column: str, value: float, share: float) -> pd.DataFrame:
    table = traffic()
    hit = (table["arm"] == "challenger") & (np.random.default_rng(5).random(len(table)) < share)
    return table.assign(**{column: table[column].mask(hit, value)})


@pytest.mark.parametrize(
    "table",
    [
        spoilt("status", 500, 0.1),
        spoilt("milliseconds", 900.0, 0.1),
        spoilt("score", np.nan, 0.1),
        spoilt("alert", 1.0, 0.5),
    ],
    ids=["errors", "slow", "invalid", "alerts"],
)
def test_a_challenger_that_fails_is_taken_back(table):
    assert action(table) == "rollback"


def test_a_sound_one_is_left_alone_on_many_small_canaries():
    assert [action(traffic(700, seed=seed)) for seed in range(30)] == ["none"] * 30


def test_no_data_at_all_is_no_health_and_no_reason_to_go_back():
    table = traffic()[:0]
    assert found_in(table).state == "unknown"
    assert action(table) == "none"


def test_silence_of_the_challenger_alone_takes_it_back():
    table = traffic(20_000)
    silent = table[(table["arm"] == "champion") | (table["time"] < START + HOUR - pd.Timedelta(minutes=5))]
    assert action(silent) == "rollback"
    (check,) = [check for check in found_in(silent).checks if check.name == "silence"]
    entities = silent.loc[silent["time"] >= START + HOUR - pd.Timedelta(seconds=30), "place"].nunique()
    assert check.figure == pytest.approx(0.9**entities)


def test_a_pause_of_both_arms_is_no_silence():
    table = traffic(20_000)
    assert action(table[table["time"] < START + HOUR / 2]) == "none"


def test_wrong_decisions_take_it_back_once_labels_show_them():
    table = traffic()
    labels = table[["request_id", "row"]].assign(target=table["alert"])
    worse = spoilt("alert", 1.0, 0.08).assign(score=table["score"])
    checks = {check.name: check for check in found_in(worse, labels=labels).checks}
    assert checks["wrong decisions"].state == "refuses"
    sound = {check.name: check for check in found_in(table, labels=labels).checks}
    assert sound["wrong decisions"].state == "passes"


def test_after_as_many_automatic_rollbacks_as_allowed_a_person_decides():
    assert (
        action(spoilt("status", 500, 0.2), Route(8, "canary", CHAMPION, CHALLENGER, "", 0.1, "x", automatic=1))
        == "person"
    )


def test_a_new_champion_is_held_against_the_days_before(tmp_path):
    change_route(tmp_path, lambda _: Route(1, "single", CHALLENGER, previous=CHAMPION))
    watched = watched_of(tmp_path)
    assert (watched.champion, watched.challenger, watched.share) == (CHAMPION, CHALLENGER, 1.0)
    before, after = traffic(share=0.0, seed=3), traffic(share=1.0, seed=4)
    before["time"] -= 2 * HOUR
    both = pd.concat([before, after], ignore_index=True)
    watched = watched._replace(changed=START)
    assert found_in(both, watched).state == "passes"
    assert (
        found_in(
            both.assign(status=np.where((both["arm"] == "challenger") & (both["place"] < 0.05), 500, 200)), watched
        ).state
        == "refuses"
    )


def test_nobody_is_watched_in_the_shadow_after_a_rollback_or_without_an_earlier_version(tmp_path):
    for route in (
        Route(1, "shadow", CHAMPION, CHALLENGER, EARLIER),
        Route(1, "single", CHAMPION),
        Route(1, "single", CHAMPION, previous=EARLIER, automatic=1),
    ):
        change_route(tmp_path, lambda _, route=route: route)
        assert watched_of(tmp_path) is None
    with pytest.raises(PipelineError, match="no such file"):
        watched_of(tmp_path / "nowhere")


def log_lines(requests: int, failing: bool) -> str:
    """Return a decision log of the last minute, as the service writes it."""
    now = pd.Timestamp.now("UTC").tz_localize(None)
    lines = []
    for number in range(requests):
        place = place_of(str(number), "salt")
        arm, fails = "challenger" if place < CANARY.share else "champion", failing and place < CANARY.share
        time = now + pd.Timedelta(milliseconds=number)
        line = {
            "@timestamp": f"{time.isoformat()}Z", "event.action": "predict", "http.request.id": str(number),
            "http.response.status_code": 500 if fails else 200, "event.duration": 2_000_000, "decision.arm": arm,
            "decision.places": [place], "service.version": CHALLENGER if arm == "challenger" else CHAMPION,
        }  # fmt: skip
        lines.append(
            line if fails else line | {"decision.scores": [place_of(str(number), "score")], "decision.alerts": [False]}
        )
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.mark.parametrize("failing", [True, False])
def test_a_look_changes_the_route_by_itself_and_only_when_it_must(tmp_path, failing, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "serving"
    change_route(folder, lambda _: CANARY)
    log = Path("decisions.jsonl")
    log.write_text(log_lines(3000, failing), encoding="utf-8")
    params = load_params(Path(__file__).parents[3] / "params.yaml")
    later = pd.Timestamp.now("UTC").tz_localize(None) + pd.Timedelta(seconds=5)
    judged = look(Place("prod", folder), params, log, None, later)
    route = read_route(folder)
    assert judged.action == ("rollback" if failing else "none")
    assert (route.mode, route.champion, route.automatic) == (
        ("single", CHAMPION, 1) if failing else ("canary", CHAMPION, 0)
    )
    if failing:
        assert "errors" in judged.sentence and "the limit is" in judged.sentence
