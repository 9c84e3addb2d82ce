"""Signals: nothing where all is as usual, and for each fault its own class and no other."""

import numpy as np
import pandas as pd
import pytest

from lifecycle.monitoring.detectors.daily_counts import daily_counts
from lifecycle.monitoring.signals import signals
from tests.lifecycle.monitoring.helpers_streams import (
    TIME,
    altered,
    counted,
    kept,
    reference,
    refused,
    since,
    stream,
)  # fmt: skip

DAY = 14


def largest(given, until=None):
    """Return the largest ratio of each class by what it is about."""
    found = signals(counted(given), reference())
    classes = {
        "schema": found.schema,
        "quality": found.quality,
        "covariate": found.covariate,
        "score": found.score,
        "volume": {"records": found.volume},
        "loss": {"loss": found.loss},
    }
    return {
        kind: {name: float(np.nanmax(ratio[:until], initial=0.0)) for name, ratio in ratios.items()}
        for kind, ratios in classes.items()
    }


def beyond(given, until=None):
    """Return what is beyond its limit, as `class:name`."""
    return {
        f"{kind}:{name}"
        for kind, ratios in largest(given, until).items()
        for name, ratio in ratios.items()
        if ratio > 1
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("per_day", [200, 190])
def test_a_stream_like_the_reference_stays_below_every_limit(seed, per_day):
    assert beyond(stream(seed=seed, per_day=per_day)) == set()


def riskier(records):
    return 1 - (1 - records["score"]) ** 2


def without_labels(given):
    return given._replace(loss=np.where(since(DAY)(given.records), np.nan, given.loss))


def reversed_labels(records):
    return 1 - records["is_bad"]


def more(records):
    own = records[since(DAY)(records)]
    return pd.concat([records, own]).sort_values(TIME, kind="stable")


FAULTS = {
    "missing numbers": (lambda: stream(altered("age", np.nan, share=0.3)), {"quality:age"}),
    "missing texts": (lambda: stream(altered("shop", None, share=0.3)), {"quality:shop"}),
    "far values": (lambda: stream(altered("amount", 1e6, share=0.2)), {"quality:amount"}),
    "infinite values": (lambda: stream(altered("amount", np.inf, share=0.2)), {"quality:amount"}),
    "unseen texts": (lambda: stream(altered("shop", "kiosk", share=0.3)), {"quality:shop"}),
    "refused": (lambda: refused(stream(), "amount", DAY, 0.2, schema=False), {"quality:amount"}),
    "refused as missing": (lambda: refused(stream(), "amount", DAY, 0.2, schema=True), {"quality:amount"}),
    "column gone": (lambda: refused(stream(), "amount", DAY, 1.0, schema=True), {"schema:amount"}),
    "fewer": (lambda: stream(kept(0.6)), {"volume:records"}),
    "more": (lambda: stream(more), {"volume:records"}),
    "none on a day": (lambda: stream(kept(0.0, DAY, DAY + 1)), {"volume:records"}),
    "shifted": (lambda: stream(altered("age", lambda rows: rows["age"] / 2 + 9)), {"covariate:age"}),
    "other texts": (lambda: stream(altered("shop", "garage", share=0.4)), {"covariate:shop"}),
    "moved scores": (
        lambda: without_labels(stream(altered("score", riskier))), {"score:score", "score:alert"},
    ),
    "more alerts": (
        lambda: without_labels(stream(altered("score", 0.501, share=0.08))), {"score:score", "score:alert"},
    ),
    "higher loss": (lambda: stream(altered("is_bad", reversed_labels, share=0.5)), {"loss:loss"}),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_beyond_the_limit_of_its_own_class_and_no_other(fault):
    make, expected = FAULTS[fault]
    given = make()
    assert beyond(given, DAY) == set()
    assert beyond(given) == expected


def test_a_fault_of_the_data_is_seen_on_its_first_day():
    found = signals(counted(stream(altered("age", np.nan, share=0.3))), reference()).quality["age"]
    assert found[DAY - 1] == 0
    assert found[DAY] > 1


def test_the_loss_of_a_day_without_labels_is_not_known_and_the_sum_goes_on_after_it():
    bad = stream(altered("is_bad", reversed_labels, day=15, share=0.15))
    loss = np.where(since(16, 18)(bad.records), np.nan, bad.loss)
    found, whole = (signals(counted(bad._replace(loss=one)), reference()).loss for one in (loss, bad.loss))
    assert np.isnan(found[16:18]).all()
    assert not np.isnan(np.delete(found, [16, 17])).any()
    assert found[18] > found[15]
    np.testing.assert_array_equal(found[:16], whole[:16])


def test_the_sum_of_losses_comes_down_again_once_all_is_well():
    bad = stream(altered("is_bad", reversed_labels, day=2, until=16), days=70)
    found = signals(counted(bad), reference()).loss
    assert found[15] == 3.0
    assert found[-1] < 1


@pytest.mark.parametrize("seed", range(4))
def test_few_records_are_no_drift(seed):
    given = stream(kept(0.02, 0), seed=seed)
    found = signals(counted(given), reference())
    assert max(ratio.max() for ratio in (*found.covariate.values(), *found.score.values())) < 1


def test_an_empty_stream_has_signals_without_a_day():
    empty = stream(kept(0.0, 0))._replace(days=0)
    found = signals(daily_counts(empty, [one.axis for one in reference().axes], TIME), reference())
    assert found.volume.shape == found.loss.shape == (0,)


def test_a_day_without_a_record_leaves_drift_as_it_is():
    found = signals(counted(stream(kept(0.0, DAY))), reference())
    assert np.isfinite(found.covariate["age"]).all()
    assert found.covariate["age"][-1] == pytest.approx(0)
    assert max(largest(stream(kept(0.0, DAY)))["quality"].values()) == 0
