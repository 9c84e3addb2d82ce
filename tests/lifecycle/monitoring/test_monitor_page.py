"""What the monitor's page says, when, and that it reads well in a browser."""

from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lifecycle.monitoring.alarms import Alarm
from lifecycle.monitoring.detectors.backtest import COUNTED_AS
from lifecycle.monitoring.findings_files import write_files, write_findings
from lifecycle.monitoring.monitor_health import Subject
from lifecycle.monitoring.monitor_page import MOST_ALARMS, monitor_page
from lifecycle.monitoring.root_cause import Cut
from lifecycle.monitoring.watch import Findings, Watched
from lifecycle.splits.time_windows import DAY
from tests.helpers_chromium import chromium, needs_chromium
from tests.helpers_kinds import KINDS
from tests.lifecycle.monitoring.helpers_findings import (
    EVALUATE,
    FIRST,
    MONITOR,
    found_in,
    scorer_of,
    since,
    stream_like,
    watched_like,
)

DAYS = 21
SUBJECT = Subject("made_up", "0123456789ab", None)
EVIL, CHINESE = '<script>alert("1")</script> & \x1b', "金額と時間の長い名前についての説明"


class Reader(HTMLParser):
    """Collects what people read, tags and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags, self.told = "", [], []
        self._skips = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.told += [str(value) for name, value in attrs if name == "aria-label"]
        self._skips += tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self._skips -= tag in ("style", "title")
        self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += "" if self._skips else data


def text_of(page: str) -> str:
    return " ".join(Reader(page).text.split())


@cache
def watched(kind: str) -> Watched:
    return watched_like(kind)


@cache
def found(kind: str, changed: bool = False) -> Findings:
    change = since(11, dose=lambda dose: dose / 3) if changed else since(DAYS)
    return found_in(stream_like(kind, scorer_of(kind), DAYS, change=change), watched(kind))


def page(kind: str = "binary", changed: bool = False, **subject: Any) -> str:
    return monitor_page(found(kind, changed), watched(kind), SUBJECT._replace(**subject))


def alarm(kind: str = "covariate", **changes: Any) -> Alarm:
    day = FIRST + 5 * DAY
    made = Alarm(kind, 2.0, day, day, day, ("dose",), None, "ticket", "the records have changed", False)
    return replace(made, **changes)


def with_alarms(*alarms: Alarm) -> str:
    return monitor_page(found("binary")._replace(alarms=list(alarms)), watched("binary"), SUBJECT)


@pytest.mark.parametrize("kind", KINDS)
def test_a_calm_model_is_said_to_be_calm(kind: str) -> None:
    shown = text_of(page(kind))
    assert "No alarm is open. None was raised in these days." in shown
    assert f"Version 0123456789ab. {DAYS} days, 2026-03-02 to 2026-03-22: 1,680 records." in shown
    assert "No alarm was raised in these days." in shown
    assert "Not watched" not in shown
    assert "nan" not in shown.lower().replace("nan_", "")


@pytest.mark.parametrize("kind", KINDS)
def test_drift_is_shown_with_its_first_suspect_its_place_and_what_to_do(kind: str) -> None:
    (first, *_) = found(kind, changed=True).alarms
    shown, told = text_of(page(kind, changed=True)), Reader(page(kind, changed=True)).told
    assert (first.kind, first.suspects[0], first.open) == ("covariate", "dose", True)
    assert f"since {first.since.date()}, first suspect dose, most of it in dose" in shown
    assert f"To do: open a ticket. Why: {first.reason}." in shown
    assert any(label.startswith("dose. ") and "in the reference" in label for label in told)
    assert "The most suspect features now, by their drift: dose" in shown
    assert page(kind, changed=True).count("<details open>") == sum(one.open for one in found(kind, changed=True).alarms)


def test_the_worst_open_alarm_is_the_one_with_the_worst_action_then_the_largest() -> None:
    large = alarm(size=30.0, open=True)
    worst = alarm("quality", size=3.0, action="page", open=True, suspects=("age",), cut=Cut("age missing", 0.625))
    shown = text_of(with_alarms(large, replace(worst, size=2.0), worst, replace(worst, size=50.0, open=False)))
    assert "3 alarms are open, the worst of them: quality (values are broken, missing or refused), 3.0 times" in shown
    assert "first suspect age, most of it in age missing." in shown
    assert "To do: call the person on duty now." in shown
    assert "62 % of the change lies in age missing." in shown
    assert "The change is spread over all records." in shown


def test_alarms_that_are_over_are_no_open_ones() -> None:
    assert "No alarm is open. 1 alarm of these days is over." in text_of(with_alarms(alarm()))
    shown = with_alarms(alarm(), alarm("volume", suspects=()))
    assert "No alarm is open. 2 alarms of these days are over." in text_of(shown)
    assert "<details open>" not in shown


def test_of_many_alarms_those_that_matter_most_have_pictures() -> None:
    many = [alarm(raised=FIRST + (place + 1) * DAY) for place in range(MOST_ALARMS)]
    old = alarm("score", raised=FIRST, open=True, suspects=())
    shown = with_alarms(old, *many)
    assert shown.count("<details") == MOST_ALARMS + 1
    parts = shown.split("<details")[1:]
    assert all("<svg" in part for part in parts[:-1])
    assert "score, raised on 2026-03-02 (open)" in parts[0]
    assert "<svg" not in parts[-1].split("<h2>")[0]


@pytest.mark.parametrize(
    ("delay", "sentence"),
    [
        (0.0, "All 1,680 labels are known."),
        (3.0, "Not known yet: 240 of 1,680 labels. A label is known 3 days after its record at the soonest."),
        (60.0, "Not known yet: none of 1,680 labels is known. A label is known 60 days after its record at the"),
    ],
)
def test_how_many_labels_are_known_is_said_in_words(delay: float, sentence: str) -> None:
    own = watched("binary")._replace(delay_days=delay)
    shown = text_of(monitor_page(found_in(stream_like("binary", scorer_of("binary"), DAYS), own), own, SUBJECT))
    assert sentence in shown
    unknown = delay == 60
    assert ("Cost a day: not known yet, no label is old enough." in shown) == unknown
    assert ("The worst slice is not known yet." in shown) == unknown
    assert ("All figures of the newest window with labels" in shown) != unknown


def test_a_window_without_labels_has_no_figure() -> None:
    own = watched("binary")._replace(delay_days=7.0)
    shown = text_of(monitor_page(found_in(stream_like("binary", scorer_of("binary"), DAYS), own), own, SUBJECT))
    assert "2026-03-16 560 0 not known yet" in shown
    assert "All figures of the newest window with labels, from 2026-03-09" in shown


@pytest.mark.parametrize(
    ("time", "sentence"),
    [(COUNTED_AS, "The test records were drawn by chance"), ("at", "No whole day of records follows the test window.")],
)
@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_stream_says_why_it_is_empty(kind: str, time: str, sentence: str) -> None:
    stream = stream_like(kind, scorer_of(kind), 1)
    empty = stream._replace(records=stream.records[:0].assign(**{time: stream.records["at"][:0]}), loss=stream.loss[:0])
    own = watched(kind)._replace(time=time)
    rejected = empty.rejected.rename(columns={"at": time})
    shown = text_of(monitor_page(found_in(empty._replace(days=0, rejected=rejected), own), own, SUBJECT))
    assert f"There is nothing to watch yet. {sentence}" in shown
    assert "Drift by feature" not in shown


def test_days_without_a_record_are_told_from_no_days() -> None:
    stream = stream_like("binary", scorer_of("binary"), 2)
    silent = stream._replace(records=stream.records[:0], loss=stream.loss[:0])
    shown = text_of(monitor_page(found_in(silent, watched("binary")), watched("binary"), SUBJECT))
    assert "There is nothing to watch yet. No record has come in 2 days." in shown


@pytest.mark.parametrize("kind", KINDS)
def test_a_reference_of_few_windows_watches_no_drift_and_says_so(kind: str) -> None:
    own = watched_like(kind, windows=5)
    changed = stream_like(kind, scorer_of(kind), DAYS, change=since(11, dose=lambda dose: dose / 3))
    shown = text_of(monitor_page(found_in(changed, own), own, SUBJECT))
    assert "No alarm is open, but drift is not watched." in shown
    assert "the limits need 8 windows without known drift, and the model was made with 5." in shown
    assert "Drift of features not known" in shown
    assert "No limits are known." in shown
    assert "suspect features now, by their drift: dose" in shown


def test_what_the_log_does_not_hold_is_said(tmp_path: Path) -> None:
    own = watched("binary")
    own = own._replace(reference=own.reference.only(["score", "alert"]))
    values = stream_like("binary", scorer_of("binary"), DAYS)
    subject = SUBJECT._replace(unwatched=["dose", "age"], left_out={"lines that are not whole": 1200})
    write_files(tmp_path, found_in(values, own), own, subject)
    shown = text_of((tmp_path / "monitor.html").read_text(encoding="utf-8"))
    assert "Features that the log does not hold: dose, age." in shown
    assert "What was left out of the log: 1,200 lines that are not whole." in shown
    assert "Not known: no feature is in the log." in shown


def test_refused_records_and_missing_values_are_counted() -> None:
    change = since(20, age=lambda age: age.where(age > 30))
    stream = stream_like("binary", scorer_of("binary"), DAYS, change=change)
    when = pd.DataFrame({"at": [FIRST + 20 * DAY] * 20, "column": "dose", "reason": "negative", "schema": False})
    shown = text_of(
        monitor_page(found_in(stream._replace(rejected=when), watched("binary")), watched("binary"), SUBJECT)
    )
    assert "dose 20 20 % 20 % on 2026-03-22 0 %" in shown
    assert "No record was refused." not in shown
    assert "Missing values: feature last day largest share usual at most age" in shown
    assert "No record was refused. No feature lacked a value." in text_of(page())


@pytest.mark.parametrize(("capacity", "said"), [(None, "What people can review is not known"), (30, "of the 30 that")])
def test_alerts_are_held_against_what_people_can_review(capacity: int | None, said: str) -> None:
    shown = text_of(page(review_capacity=capacity))
    alerts = found("binary").counts.counts["decision:alert"][:, 1]
    mean = alerts[-7:].mean()
    assert f"Alerts a day: {mean:.3g} in the last window" in shown
    assert said in shown
    if capacity:
        assert f"more on {(alerts > capacity).sum()} days of {DAYS}." in shown


def test_each_kind_of_target_says_what_its_decisions_ask_of_people() -> None:
    assert "Left to a person a day" in text_of(page("multiclass"))
    assert "This decision asks nobody for a review." in text_of(page("regression"))
    assert "This decision has no cost." in text_of(page("regression"))


def test_a_model_that_has_become_wrong_is_shown_with_its_worst_slice() -> None:
    own, stream = watched("binary"), stream_like("binary", scorer_of("binary"), DAYS)
    late = (stream.records["at"] >= FIRST + 9 * DAY) & (stream.records["place"] == "east")
    findings = found_in(stream._replace(loss=stream.loss * (1 + 4 * late.to_numpy())), own)
    assert findings.alarms[-1].kind == "concept"
    shown = text_of(monitor_page(findings, own, SUBJECT))
    assert "concept (the same features mean something else)" in shown
    assert "2026-03-13 to 2026-03-19 is place east: it has far more of the added loss than of the usual loss." in shown
    assert "so this may be chance" not in shown
    assert "To do: train the model anew." in shown


def test_a_slice_of_a_calm_model_may_be_chance() -> None:
    shown = text_of(page())
    assert ("The worst slice of" in shown) == ("The loss is within its limits, so this may be chance." in shown)
    assert ("The worst slice of" in shown) != ("No slice stands out in" in shown)


def test_cost_is_held_against_no_model_and_the_previous_one() -> None:
    shown = text_of(page())
    assert "No previous model is known" in shown
    scorer, own = scorer_of("binary"), watched("binary")
    own = own._replace(previous=(lambda records: 1 - records["score"].to_numpy(), scorer.decision))
    both = found_in(stream_like("binary", scorer, DAYS), own)
    shown = text_of(monitor_page(both, own, SUBJECT))
    costs = both.windows[-1].costs
    assert costs["previous"].value > costs["model"].value
    assert "with the model, " in shown
    assert "with the previous model, " in shown
    assert "window from the model the previous model no model" in shown
    assert "No previous model is known" not in shown


def evil_page() -> str:
    """Return a page whose names are what an attacker, or a reader of other scripts, would choose."""

    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        places = table["place"].where(table["place"] != "east", EVIL)
        return table.assign(**{EVIL: table["dose"], CHINESE: table["age"]}, place=places)

    scorer = scorer_of("binary", (EVIL, CHINESE, "place"))
    own = watched_like("binary", scorer=scorer, change=renamed)
    changed = since(11, dose=lambda dose: dose / 3, place=lambda place: place.where(place == "west", "a & <b>"))
    stream = stream_like("binary", scorer, DAYS, change=lambda table: renamed(changed(table)))
    refused = pd.DataFrame({"at": [FIRST] * 9, "column": EVIL, "reason": EVIL, "schema": True})
    findings = found_in(stream._replace(rejected=refused), own)
    assert {alarm.open for alarm in findings.alarms} == {True, False}
    return monitor_page(findings, own, Subject(EVIL, EVIL, 30, (EVIL, CHINESE), {EVIL: 2}))


def test_names_are_shown_as_they_are_and_never_run() -> None:
    shown = evil_page()
    reader = Reader(shown)
    assert not {"script", "link", "iframe", "object", "img"} & {tag for tag, _ in reader.tags}
    assert shown.count("<script") == 0
    assert "\x1b" not in shown
    text = " ".join(reader.text.split())
    assert f"Monitor of {EVIL.replace(chr(27), ' ').strip()}" in text
    assert CHINESE in text
    assert all('"' not in name and "<" not in name for _, attrs in reader.tags for name in attrs)


@pytest.mark.parametrize("made", [evil_page, lambda: page("multiclass", changed=True)])
def test_the_page_needs_no_network(made: Any) -> None:
    shown = made()
    for part in ("http:", "https:", "//", "src=", "href=", "<link", "@import", "url(", "<script", "javascript:"):
        assert part not in shown.replace("http-equiv", "")
    assert "default-src 'none'" in shown


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_findings_give_the_same_bytes(kind: str) -> None:
    again = found_in(
        stream_like(kind, scorer_of(kind), DAYS, change=since(11, dose=lambda dose: dose / 3)), watched_like(kind)
    )
    assert monitor_page(again, watched(kind), SUBJECT) == page(kind, changed=True)


def test_the_page_stands_beside_the_tables(tmp_path: Path) -> None:
    stream, own = stream_like("binary", scorer_of("binary"), DAYS), watched("binary")
    write_findings(tmp_path, own, stream, MONITOR, EVALUATE, SUBJECT)
    assert (tmp_path / "monitor.html").read_text(encoding="utf-8") == page()


@needs_chromium
def test_a_browser_shows_it_on_a_screen_and_a_phone_in_light_and_dark(tmp_path: Path) -> None:
    pages = {"evil": evil_page(), "multiclass": page("multiclass"), "regression": page("regression", changed=True)}
    with chromium(tmp_path / "profile") as browser:
        for name, content in pages.items():
            file = tmp_path / f"{name}.html"
            file.write_text(content, encoding="utf-8")
            papers = []
            for theme in ("light", "dark"):
                for width in (1280, 360):
                    seen = browser.look(file, width, theme)
                    assert seen["needed"] <= seen["width"] <= width, (name, width)
                    assert [text for text in seen["texts"] if text["contrast"] < 4.5] == []
                    assert [text for text in seen["texts"] if text["height"] < 11] == []
                    assert any(name in text["text"] or "Monitor of" in text["text"] for text in seen["texts"])
                papers.append(sum(seen["paper"]))
            assert papers[0] > 3 * 200 > 3 * 60 > papers[1]
        assert browser.complaints == []
