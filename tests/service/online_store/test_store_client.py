import math

from hypothesis import given
from hypothesis import strategies as st

from lifecycle.features.online.record_schema import Event, Label
from lifecycle.features.online.state import Change
from service.online_store.store_client import packed
from service.online_store.store_messages import Ask, Frames, Reply, sent, unpacked
from tests.helpers_model import quick

values = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text())
keys = st.one_of(st.integers(-(2**63), 2**63 - 1), st.text())
events = st.one_of(
    st.builds(Event, st.integers(-(2**60), 2**60), keys, st.dictionaries(st.text(), values)),
    st.builds(Label, keys, st.dictionaries(st.text(), values)),
)


@given(st.lists(st.lists(events, max_size=3), max_size=4), st.integers(1, 40))
@quick
def test_whatever_the_pieces_the_messages_come_whole_and_with_their_types(messages, size):
    asked = [Ask(n, "keep", [packed(event) for event in each], "é") for n, each in enumerate(messages)]
    stream, frames, found = b"".join(map(sent, asked)), Frames(Ask), []
    for start in range(0, len(stream), size):
        found += frames.feed(stream[start : start + size])
    assert [ask.number for ask in found] == list(range(len(messages)))
    assert repr([[unpacked(change) for change in ask.events] for ask in found]) == repr(messages)


def test_missing_numbers_and_refusals_travel():
    frames = Frames(Reply)
    (first, second) = frames.feed(sent(Reply(1, [{"a": math.nan}])) + sent(Reply(2, None, (409, "late", "so", None))))
    assert math.isnan(first.found[0]["a"])
    assert tuple(second.refused) == (409, "late", "so", None)


def test_a_label_is_told_from_a_payment_at_the_start_of_time():
    assert packed(Event(0, 1, {})) == Change(1, 0, {})
    assert isinstance(unpacked(packed(Event(0, 1, {}))), Event)
    assert isinstance(unpacked(packed(Label(1, {}))), Label)
