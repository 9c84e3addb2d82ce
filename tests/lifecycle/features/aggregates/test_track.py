from hypothesis import given
from hypothesis import strategies as st

from lifecycle.features.aggregates.track import SPARE, Record, Track
from tests.helpers_model import quick

SCALE = 100
steps = st.lists(st.tuples(st.sampled_from(["insert", "insert", "remove", "prune"]), st.integers(0, 6)), max_size=40)


def record_of(time, arrival):
    return Record(time, arrival, arrival, {"amount": arrival * 0.75 - 3, "kind": f"k{arrival % 3}"})


def new_track():
    return Track(("kind",), {"amount": SCALE}, ("amount",))


def assert_is(track, records):
    units = [round(record.values["amount"] * SCALE) for record in records]
    assert track.times == [record.time for record in records]
    assert track.arrivals == [record.arrival for record in records]
    assert track.values["kind"] == [record.values["kind"] for record in records]
    for at in range(len(records) + 1):
        assert track.sums["amount"][at] - track.sums["amount"][0] == sum(units[:at])
        assert track.squares["amount"][at] - track.squares["amount"][0] == sum(unit**2 for unit in units[:at])


@given(steps)
@quick
def test_whatever_comes_and_goes_a_track_is_what_the_sorted_list_of_its_records_is(steps):
    track, records = new_track(), []
    for arrival, (step, number) in enumerate(steps):
        if step == "insert":
            record = record_of(number, arrival)
            at = track.insert(record)
            records = sorted([*records, record], key=lambda one: (one.time, one.arrival))
            assert records[at] is record
            assert track.holds(record, at)
        elif step == "remove" and number < len(records):
            track.remove(number)
            records.pop(number)
        elif step == "prune":
            expired = [record.arrival for record in records if record.time <= number]
            dropped = track.prune(number)
            assert dropped == (expired if len(expired) > SPARE else [])
            records = records[len(dropped) :]
        assert_is(track, records)


@given(st.lists(st.integers(0, 6), max_size=12))
@quick
def test_a_track_filled_at_once_is_the_one_filled_step_by_step(times):
    records = [record_of(time, arrival) for arrival, time in enumerate(sorted(times))]
    columns = {name: [record.values[name] for record in records] for name in ("amount", "kind")}
    track = new_track()
    track.fill([record.time for record in records], [record.arrival for record in records], columns)
    assert_is(track, records)


def test_of_equal_times_the_earlier_arrival_stands_first_also_when_it_is_put_back():
    track = new_track()
    records = [record_of(5, arrival) for arrival in range(3)]
    for record in (records[2], records[0], records[1]):
        track.insert(record)
    assert track.arrivals == [0, 1, 2]
    assert [track.place(5, arrival) for arrival in range(4)] == [0, 1, 2, 3]
    assert not track.holds(record_of(5, 3), 3)


def test_a_value_that_can_not_be_summed_leaves_the_track_as_it_was():
    track = new_track()
    track.insert(record_of(1, 0))
    try:
        track.insert(Record(2, 1, 1, {"amount": float("inf"), "kind": "a"}))
    except OverflowError:
        assert_is(track, [record_of(1, 0)])
    else:
        raise AssertionError("an infinite amount was summed")
