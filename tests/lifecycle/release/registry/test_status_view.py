"""Who is where: in text a hundred characters wide, and on a page that reads well in a browser."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lifecycle.release.registry.entry_drafts import Act, request_draft, step_draft
from lifecycle.release.registry.ledger import Ledger, append
from lifecycle.release.registry.ledger_entry import Person
from lifecycle.release.registry.release_steps import Place, decide, register, roll_back, take_step
from lifecycle.release.registry.status_view import MOST, WIDTH, history_lines, in_words, status_page, status_text, views
from tests.helpers_chromium import chromium, needs_chromium
from tests.lifecycle.release.registry.helpers_registry import ANN, BOB, be, commit_model, git, ledger

SERVING = Path("serving")
PROD = Place("prod", SERVING)
ACT = Act(Person(*ANN), "a reason")
EVIL = '<script>alert("1")</script> & \x1b 金額 ' + "word " * 60


@pytest.fixture(scope="module")
def busy_folder(with_two, tmp_path_factory):
    """Have a version in every lane, one in every end, a request, and reasons that would break a page."""
    folder = shutil.copytree(with_two, tmp_path_factory.mktemp("busy") / "folder")
    with pytest.MonkeyPatch.context() as monkeypatch:
        be(ANN, monkeypatch)
        monkeypatch.chdir(folder)
        fill()
    return folder


@pytest.fixture
def busy(busy_folder, tmp_path, monkeypatch):
    """Stand in a copy of that."""
    be(ANN, monkeypatch)
    monkeypatch.chdir(shutil.copytree(busy_folder, tmp_path / "copy"))
    return ledger()


def fill():
    for number, seed in enumerate(("c3", "d44", "e555", "f6666")):
        commit_model(Path.cwd(), seed)
        register(PROD, f"model {seed}", f"v1.{number}.0", "minor")
    for step in ("shadow", "canary", "promote"):
        take_step(PROD, step, "v0.2.0", ACT._replace(share=0.1 if step == "canary" else 0.0, why=EVIL))
    take_step(PROD, "reject", "v1.0.0", ACT)
    take_step(PROD, "retire", "v1.1.0", ACT)
    take_step(PROD, "shadow", "v1.2.0", ACT)
    take_step(PROD, "canary", "v1.2.0", ACT._replace(share=0.25))
    decide(PROD, ledger(), "promote", "v1.2.0", ACT, approve=False)
    take_step(Place("test"), "promote", "v1.3.0", ACT)


def shown(found, everywhere=True, now=None):
    return views(found, "prod", SERVING, everywhere, now)


def lanes(view):
    return {lane: [card.number for card in cards] for lane, cards in view.lanes.items()}


def test_each_version_stands_in_its_lane(busy):
    prod, test = shown(busy)
    assert lanes(prod) == {
        "registered": ["v1.3.0"],
        "shadow": [],
        "canary, ab": ["v1.2.0"],
        "answers": ["v0.2.0"],
        "previous": ["v0.1.0"],
    }
    assert {card.number: card.state for card in prod.ended} == {"v1.0.0": "rejected", "v1.1.0": "retired"}
    assert lanes(test)["answers"] == ["v1.3.0"]
    (card,) = prod.lanes["canary, ab"]
    assert (card.share, card.who, card.next) == (0.25, "Ann", ("canary", "ab", "promote", "reject", "rollback"))
    assert prod.notes == ["Ann asks for: promote v1.2.0. Another person approves it: release promote v1.2.0 --approve"]
    assert test.notes == []


def test_the_text_is_no_wider_than_a_hundred_characters_and_has_no_control_characters(busy):
    lines = status_text(busy, shown(busy))
    assert max(map(len, lines)) <= WIDTH
    assert all(line.isprintable() for line in lines)
    head = next(line for line in lines if line.startswith("registered"))
    assert head.split(" | ")[2].strip() == "canary, ab"
    assert any("v1.2.0 25%" in line for line in lines)


def test_ages_are_in_words(busy):
    later = busy.entries[-1].at + timedelta(days=3, seconds=1)
    ages = {card.number: card.age for cards in shown(busy, now=later)[0].lanes.values() for card in cards}
    assert ages["v1.2.0"] == "3 days"
    assert [in_words(seconds) for seconds in (-5, 61, 7200)] == ["just now", "1 minute", "2 hours"]


def test_a_route_that_is_not_what_the_registry_says_is_told(busy):
    released = busy.releases
    taken = append(busy, step_draft(busy, "prod", "reject", "v1.2.0", ACT))
    (note,) = shown(taken)[0].notes
    assert note == (
        f"the route of serving says {released['v0.2.0'].version} and {released['v1.2.0'].version} (canary, 25%), the"
        f" registry {released['v0.2.0'].version}; release sync"
    )


def test_a_rollback_that_is_not_recorded_is_told(busy):
    Path(".git").rename("moved")
    roll_back(PROD, "errors")
    Path("moved").rename(".git")
    assert any(note.startswith("not recorded yet: ") for note in shown(ledger())[0].notes)


def test_a_route_that_can_t_be_read_is_told(busy):
    (SERVING / "route.json").write_text("{", encoding="utf-8")
    assert "no route" in shown(busy)[0].notes[-1]


def test_without_a_release_it_says_how_to_begin():
    empty = Ledger("model")
    assert status_text(empty, views(empty, "prod", None, True)) == [
        "model: nothing is registered yet; release register --why ..."
    ]
    assert history_lines(empty, None) == ["model: nothing has happened yet"]
    assert "Nothing is registered yet" in status_page(empty, views(empty, "prod", None, True))


def test_strays_are_told(busy):
    git(Path.cwd(), "tag", "-a", "model#prod#99", "-m", "by hand")
    found = ledger()
    assert status_text(found, shown(found))[-1] == "! passed over, no entry of the ledger names it: tag model#prod#99"
    assert "model#prod#99" in status_page(found, shown(found))


def test_history_tells_who_asked_who_did_it_and_that_nobody_did(busy, monkeypatch):
    be(BOB, monkeypatch)
    asked = append(busy, request_draft(busy, "test", "reject", "v1.2.0", ACT))
    found = replace(asked, entries=(*asked.entries, replace(asked.entries[-1], automatic=True, asked_by=Person(*BOB))))
    lines = history_lines(found, None)
    assert len(lines) == len(found.entries)
    assert lines[-1].split("  ")[1] == "the watch, for Ann, asked by Bob"
    assert all("\n" not in line for line in lines)


def test_what_a_reason_holds_does_not_run_on_the_page(busy):
    page = status_page(busy, shown(busy))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\x1b" not in page


def test_a_long_history_is_cut_and_says_so(busy):
    found = replace(busy, entries=busy.entries[:1] * (MOST + 5))
    assert "5 earlier entries" in status_page(found, [])


def test_the_same_registry_gives_the_same_page(busy):
    now = datetime(2030, 1, 1, tzinfo=UTC)
    assert status_page(busy, shown(busy, now=now)) == status_page(busy, shown(busy, now=now))


@needs_chromium
@pytest.mark.nightly
def test_the_page_reads_well(busy, tmp_path):
    page = tmp_path / "status.html"
    page.write_text(status_page(busy, shown(busy)), encoding="utf-8")
    with chromium(tmp_path / "profile") as browser:
        for width in (360, 1280):
            for theme in ("light", "dark"):
                seen = browser.look(page, width, theme)
                assert seen["needed"] <= seen["width"]
                assert min(text["contrast"] for text in seen["texts"]) >= 4.5
        assert not browser.complaints
