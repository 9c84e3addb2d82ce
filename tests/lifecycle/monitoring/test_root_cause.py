"""Root cause: a planted change is named with its share, and an even one is not."""

import numpy as np
import pytest

from lifecycle.monitoring.detectors.axis import Axis
from lifecycle.monitoring.detectors.daily_counts import DailyCounts
from lifecycle.monitoring.detectors.reference import AxisReference, LossReference, Reference
from lifecycle.monitoring.root_cause import concentrated, count_changes, loss_changes, volume_changes, worst_cut
from tests.lifecycle.monitoring.helpers_streams import START

SHARES = {"a": (0.25, 0.25, 0.25, 0.25), "b": (0.5, 0.5), "c": (0.9, 0.1)}
ALL = slice(0, 7)


def axis(name, kind="feature"):
    names = tuple(f"bin {place}" for place in range(len(SHARES[name])))
    return Axis(name, name, kind, tuple(map(float, range(len(names) - 1))), labels=names)


def reference(loss_shares=None, records=700, kind="feature"):
    axes = tuple(
        AxisReference(axis(name, kind), (*shares, 0.0), (*(loss_shares or SHARES)[name], 0.0), 0.1, 0.0, 0.0)
        for name, shares in SHARES.items()
    )
    return Reference(12, 7, records, axes, (records / 7,) * 7, 0.2, {}, LossReference(0.5, 0.5, 1.0, 6.0, 9.0))


def counts(records, loss=None, kind="feature"):
    """Return counts of one day of seven: by axis the records of each bin, and their losses."""

    def days(values):
        return np.vstack([(*values, 0), np.zeros((6, len(values) + 1))])

    def of(by_axis):
        return {f"{kind}:{name}": days(values) for name, values in by_axis.items()}

    total = days((sum(records["a"]),))[:, 0]
    return DailyCounts(START, total, of(records), of(records), of(loss or records), np.zeros(7), {}, {})


def even(total):
    return {name: [total * share for share in shares] for name, shares in SHARES.items()}


def test_a_change_in_one_bin_is_named_with_its_share():
    now = even(700) | {"a": [200, 300, 125, 75]}
    changes = count_changes(counts(now), reference(), ALL)
    cut = worst_cut(changes)
    assert cut.where == "a bin 1"
    assert cut.share == pytest.approx(125 / (25 + 125))
    assert concentrated(changes) == ["a"]


def test_noise_on_an_axis_of_two_bins_is_no_cause():
    now = even(700) | {"c": [620, 80], "b": [340, 360]}
    changes = count_changes(counts(now), reference(), ALL)
    assert worst_cut(changes) is None
    assert concentrated(changes) == []


@pytest.mark.parametrize("seed", range(20))
def test_chance_names_no_cut(seed):
    rng = np.random.default_rng(seed)
    now = {name: rng.multinomial(5000, shares) for name, shares in SHARES.items()}
    assert worst_cut(count_changes(counts(now), reference(), ALL)) is None
    assert worst_cut(volume_changes(counts(now), reference(records=10_000), ALL)) is None


@pytest.mark.parametrize("total", [100, 350, 1400])
def test_an_even_change_of_volume_names_no_cut(total):
    assert worst_cut(volume_changes(counts(even(total)), reference(), ALL)) is None


@pytest.mark.parametrize(("records", "share"), [(30, 1.0), (600, 1.0)])
def test_a_volume_that_changes_in_one_part_is_named_whether_up_or_down(records, share):
    now = even(700) | {"a": [175, 175, records, 175], "b": [350 + (records - 175) / 2] * 2}
    changes = volume_changes(counts(now), reference(), ALL)
    cut = worst_cut(changes)
    assert (cut.where, cut.share) == ("a bin 2", pytest.approx(share))
    assert concentrated(changes) == ["a"]


def test_a_loss_that_rises_in_one_bin_is_named_with_its_share():
    loss = {"a": [87.5, 87.5, 87.5, 200], "b": [250, 212.5], "c": [416, 46.5]}
    changes = loss_changes(counts(even(700), loss), reference(), ALL)
    cut = worst_cut(changes)
    assert (cut.where, cut.share) == ("a bin 3", pytest.approx(1.0))
    assert concentrated(changes)[0] == "a"


@pytest.mark.parametrize("rise", ["by the same factor", "by the same amount"])
def test_a_loss_that_rises_evenly_names_no_cut(rise):
    of_loss = {"a": (0.7, 0.1, 0.1, 0.1), "b": (0.8, 0.2), "c": (0.2, 0.8)}
    usual = {name: np.array(shares) * 350 for name, shares in of_loss.items()}
    more = {name: np.array(SHARES[name]) * 200 for name in SHARES}
    loss = {name: usual[name] * 2 if rise == "by the same factor" else usual[name] + more[name] for name in SHARES}
    assert worst_cut(loss_changes(counts(even(700), loss), reference(of_loss), ALL)) is None


def test_records_without_a_change_or_none_at_all_name_nothing():
    for total in (700, 0):
        changes = count_changes(counts(even(total)), reference(), ALL)
        assert worst_cut(changes) is None
        assert concentrated(changes) == []
    assert worst_cut([]) is None


def test_how_a_record_was_scored_is_no_cause():
    now = even(700) | {"a": [0, 700, 0, 0]}
    assert count_changes(counts(now, kind="score"), reference(kind="score"), ALL) == []
    (first, *_) = count_changes(counts(now, kind="slice"), reference(kind="slice"), ALL)
    assert worst_cut([first]).where == "a bin 1"
    assert concentrated([first]) == []
