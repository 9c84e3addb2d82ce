"""Labels that are known at once: the three evaluators see those of earlier times, and no others."""

import numpy as np
import pandas as pd
import pytest

from lifecycle.core import tables
from lifecycle.features.aggregates import aggregates_of
from lifecycle.features.batch import as_microseconds, evaluate
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record_schema import Schema
from lifecycle.features.online.state import State
from lifecycle.features.partitioned import feature_table
from lifecycle.problem.problem import Column
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Where, Window
from tests.helpers_data import small_problem
from tests.helpers_parts import cut

BAD = (Where("label", "==", 1),)
PROBLEM = small_problem(
    Column("shop", "text", ""),
    Column("loss", "number", "", decimals=2, late=True),
    features=(
        Window("rate", "rate", "shop", "label", days=(1, 9)),
        Window("bad", "count", "shop", days=(2,), where=BAD, current=False),
        Window("since_bad", "since", "shop", days=(5,), where=BAD, current=False),
        Window("losses", "sum", "shop", "loss", days=(3,), delay_days=0),
        Window("run", "run_length", "shop", "label", days=(30,)),
    ),
)
NAMES = [name for feature in PROBLEM.features for name in feature.names]


@pytest.fixture(scope="module")
def records():
    """Return records of three shops, several of them at each time."""
    rng, rows = np.random.default_rng(5), 400
    days = np.sort(rng.integers(0, 80, rows)) / 2
    table = pd.DataFrame({"id": np.arange(rows), "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(days, "D")})
    label = (rng.random(rows) < 0.4).astype(np.int8)
    shop = pd.Series(rng.choice(["a", "b", "c"], rows), dtype="str")
    loss = np.round(label * rng.random(rows) * 100, 2)
    return table.assign(time=table["time"].astype("datetime64[us]"), label=label, shop=shop, loss=loss)


@pytest.fixture(scope="module")
def in_batch(records):
    return evaluate(PROBLEM.features, records, PROBLEM.time, PROBLEM.decimals)


def test_a_table_covers_records_of_earlier_times_only(records, in_batch):
    time_us = as_microseconds(records["time"])
    for window in PROBLEM.features:
        for aggregate in aggregates_of(window):
            for row in range(0, len(records), 7):
                earlier = (time_us < time_us[row]) & (time_us >= time_us[row] - round(aggregate.days * DAY_US))
                inside = earlier & (records["shop"] == records["shop"][row]).to_numpy()
                inside &= (records["label"] == 1).to_numpy() if window.where else True
                values = records[window.of or "id"]
                covered = [(int(time_us[place]), values[place].item()) for place in np.flatnonzero(inside)]
                wanted = aggregate.by_definition(covered, int(time_us[row]))
                assert in_batch[aggregate.name][row] == pytest.approx(wanted, nan_ok=True), (aggregate.name, row)


def test_a_record_at_a_time_gives_the_same_bits_where_labels_come_with_their_records(records, in_batch):
    plan = Plan(PROBLEM.features, PROBLEM.decimals)
    state = State(plan, Schema.of(PROBLEM, plan))
    for row, wanted in zip(records.to_dict("records"), in_batch.to_dict("records"), strict=True):
        found = state.update({name: row[name] for name in ("id", "time", "shop")})
        state.label(row["id"], {"label": row["label"], "loss": row["loss"]})
        assert all(found[name] == wanted[name] or np.isnan([found[name], wanted[name]]).all() for name in NAMES)


def test_in_parts_the_bytes_are_those_of_the_whole(records, tmp_path):
    source = tmp_path / "records.parquet"
    with cut(3, 2, row_group=90):
        tables.write_table(records, source)
        feature_table.build(PROBLEM, source, tmp_path / "parts.parquet", "serial", 1.0, None)
        feature_table.build_in_memory(PROBLEM, source, tmp_path / "whole.parquet")
    assert (tmp_path / "parts.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_the_catalogue_says_what_is_covered():
    texts = [aggregate.definition() for feature in PROBLEM.features for aggregate in aggregates_of(feature)]
    assert all(text.split(";")[0].endswith(", of earlier times") for text in texts)
    assert "days old or older" not in " ".join(texts)
