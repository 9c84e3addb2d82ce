"""The route as several processes use it: never torn, one change after the other, and what is read is the newest."""

import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.atomic import locked
from lifecycle.core.errors import PipelineError
from lifecycle.release import route as module
from lifecycle.release.route import FORMAT, ROUTE, Route, change_route, parse_route, place_of, read_route

CLIENT = Path(__file__).parent / "helpers_clients.py"
PATH = Path("serving/route.json")
GOOD = Route(3, "canary", "aaaa", "bbbb", "cccc", 0.25, "salt", 1)
names = st.text("0123456789abcdef", min_size=1, max_size=12)
routes = st.one_of(
    st.builds(Route, st.integers(1, 10**9), st.just("single"), names, previous=st.just("") | names, salt=st.text()),
    st.builds(
        Route, st.integers(1, 10**9), st.sampled_from(["shadow", "canary", "ab"]), names, names, names,
        st.floats(0, 1), st.text(), st.integers(0, 5),
    ),
)  # fmt: skip


def written(route: Route, **changes: Any) -> bytes:
    return json.dumps({"format": FORMAT} | asdict(route) | changes).encode()


@given(routes)
def test_what_is_written_is_read(route: Route) -> None:
    assert parse_route(written(route), PATH) == route


@given(
    st.binary()
    | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_what_is_no_route_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(PipelineError, match=r"serving/route\.json: no route: .*release sync"):
        parse_route(content, PATH)


@given(
    st.sampled_from(sorted(asdict(GOOD))),
    st.none() | st.booleans() | st.lists(st.integers()) | st.just(-1) | st.just("../x"),
)
def test_a_field_that_is_no_value_of_its_kind_is_refused(name: str, value: Any) -> None:
    if name == "salt" and isinstance(value, str):
        return  # any text is a salt
    with pytest.raises(PipelineError, match="no route"):
        parse_route(written(GOOD, **{name: value}), PATH)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2}, {"mode": "single"}, {"challenger": ""}, {"champion": ""}, {"share": 1.5}, {"epoch": 0},
        {"share": float("nan")}, {"mode": "blue"}, {"more": 1}, {"champion": "a/b"}, {"automatic": -1},
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PipelineError, match="no route"):
        parse_route(written(GOOD, **changes), PATH)


@given(st.text(), st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_the_entities_of_a_smaller_one(entity: str, salt: str, one: float, other: float) -> None:
    place = place_of(entity, salt)
    assert 0 <= place < 1
    assert not (place < min(one, other)) or place < max(one, other)


def test_places_are_spread_evenly() -> None:
    places = sorted(place_of(str(number), "spring") for number in range(20_000))
    assert max(abs(place - rank / 20_000) for rank, place in enumerate(places)) < 0.014  # Kolmogorov-Smirnov, p > .0005


def test_there_is_none_at_first_and_changes_are_numbered(tmp_path: Path) -> None:
    assert read_route(tmp_path) is None
    seen: list[Route | None] = []

    def change(before: Route | None) -> Route:
        seen.append(before)
        return replace(GOOD, epoch=99)

    assert [change_route(tmp_path, change).epoch for _ in range(3)] == [1, 2, 3]
    assert seen == [None, replace(GOOD, epoch=1), replace(GOOD, epoch=2)]
    assert read_route(tmp_path) == replace(GOOD, epoch=3)


def test_a_change_that_is_refused_writes_nothing(tmp_path: Path) -> None:
    change_route(tmp_path, lambda _: GOOD)
    before = (tmp_path / ROUTE).read_bytes()

    def refuse(_: Route | None) -> Route:
        raise PipelineError("it has become another one")

    with pytest.raises(PipelineError, match="another one"):
        change_route(tmp_path, refuse)
    with pytest.raises(PipelineError, match="share"):
        change_route(tmp_path, lambda _: replace(GOOD, share=2.0))
    assert (tmp_path / ROUTE).read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {ROUTE, "lock"}


def test_who_finds_it_locked_waits_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()

    def hold(end: threading.Event) -> None:
        with locked(tmp_path, "never"):
            held.set()
            end.wait(10)

    end = threading.Event()
    thread = threading.Thread(target=hold, args=(end,))
    thread.start()
    held.wait()
    threading.Timer(0.1, end.set).start()
    assert change_route(tmp_path, lambda _: GOOD).epoch == 1  # after the wait
    thread.join()
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    with locked(tmp_path, "never"), pytest.raises(PipelineError, match="another process has held the lock"):
        change_route(tmp_path, lambda _: GOOD)


def test_who_is_killed_while_writing_leaves_a_whole_route(tmp_path: Path) -> None:
    for seed in range(6):
        client = subprocess.Popen(
            [sys.executable, CLIENT, tmp_path, "30", f"c{seed}"], stdout=subprocess.PIPE, text=True
        )
        assert client.stdout is not None
        for _ in range(1 + seed % 3):
            client.stdout.readline()
        time.sleep(0.0013 * seed)
        client.kill()
        said = [json.loads(line)[3] for line in client.communicate()[0].splitlines() if line.endswith("]")]
        found = read_route(tmp_path)  # whole, and nobody's lock is in the way of the next
        epoch = 0 if found is None else found.epoch
        assert epoch >= max((state[0] for state in said if state), default=0)  # what was told as done is there
        assert change_route(tmp_path, lambda _: GOOD).epoch == epoch + 1


class Step(NamedTuple):
    """One call of one process: when it began and ended, and the state that it wrote or read."""

    kind: str
    begin: float
    end: float
    state: tuple[int, str] | None

    @property
    def epoch(self) -> int:
        return self.state[0] if self.state else 0


def fault(history: list[Step]) -> str | None:
    """Return why no order of the calls explains a history of a register; None where one does.

    Each write makes the next epoch, so the order of the writes is known (Gibbons and Korach, Testing Shared Memories,
    1997), and a history is linearizable if and only if writes have all epochs from 1 on, each once; a read returns the
    state of a write (0: none yet) that had begun; and no call that begins after another has ended has a smaller epoch,
    a write not even an equal one.
    """
    writes = {step.epoch: step for step in history if step.kind == "write"}
    if sorted(step.epoch for step in history if step.kind == "write") != list(range(1, len(writes) + 1)):
        return "epochs are not 1, 2, 3 ..."
    for step in history:
        if step.kind == "read" and step.epoch and (step.epoch not in writes or writes[step.epoch].state != step.state):
            return f"{step} is nobody's state"
        if step.kind == "read" and step.epoch and writes[step.epoch].begin > step.end:
            return f"{step} is from the future"
    newest, ended = 0, sorted(history, key=lambda step: step.end)
    place = 0
    for step in sorted(history, key=lambda step: step.begin):
        while ended[place].end < step.begin:
            newest, place = max(newest, ended[place].epoch), place + 1
        if step.epoch < newest + (step.kind == "write"):
            return f"{step} has begun after epoch {newest} was known"
    return None


def test_four_processes_make_a_history_that_one_could_have_made(tmp_path: Path) -> None:
    commands = [[sys.executable, CLIENT, tmp_path, "0.7", f"client{seed}"] for seed in range(4)]
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    lines = [line for client in clients for line in client.communicate()[0].splitlines()]
    history = [
        Step(kind, begin, end, None if state is None else tuple(state))
        for kind, begin, end, state in map(json.loads, lines)
    ]
    assert all(client.returncode == 0 for client in clients)
    assert fault(history) is None
    assert sum(step.kind == "write" for step in history) > 20


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ([Step("write", 0, 1, (1, "a")), Step("write", 2, 3, (1, "b"))], "epochs are not"),
        ([Step("write", 0, 1, (1, "a")), Step("write", 2, 3, (3, "b"))], "epochs are not"),
        ([Step("write", 0, 1, (1, "a")), Step("read", 2, 3, (1, "b"))], "nobody's state"),
        ([Step("write", 0, 1, (1, "a")), Step("read", 2, 3, None)], "begun after epoch 1"),
        ([Step("write", 2, 3, (1, "a")), Step("read", 0, 1, (1, "a"))], "from the future"),
        ([Step("write", 0, 1, (2, "b")), Step("write", 2, 3, (1, "a"))], "begun after epoch 2"),
        (
            [Step("write", 0, 9, (1, "a")), Step("read", 1, 2, (1, "a")), Step("read", 3, 4, None)],
            "begun after epoch 1",
        ),
    ],
)  # fmt: skip
def test_the_check_finds_what_no_single_process_could_have_made(history: list[Step], words: str) -> None:
    assert words in str(fault(history))


def test_the_check_allows_what_overlaps() -> None:
    write, more = Step("write", 0, 9, (1, "a")), Step("read", 4, 5, (1, "a"))
    assert fault([write, Step("read", 1, 3, None), more]) is None
