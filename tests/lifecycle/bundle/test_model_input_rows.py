from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lifecycle.bundle.model_input import batch_of, columns_of
from lifecycle.core.errors import PipelineError
from lifecycle.features.batch import evaluate
from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw, Weekend

DECLARATION = (
    Raw("amount"),
    Raw("gaps"),
    Raw("shop"),
    Raw("note"),
    Hour("hour"),
    Weekend("weekend"),
    Night("night"),
    Ratio("share", "amount", "limit", empty=-1.0),
    Difference("rest", "share", "hour"),
)
MODEL = SimpleNamespace(
    features=("amount", "gaps", "shop", "note"),
    numbers=("amount", "gaps"),
    texts=("shop", "note"),
    missing={"gaps", "note"},
    schema={"key": "id", "time": "at", "columns": [{"name": "limit", "nullable": True}, {"name": "amount"}]},
    declaration=DECLARATION,
)
MADE = ("hour", "weekend", "night", "share", "rest")
MAKER = SimpleNamespace(**vars(MODEL) | {"features": MADE, "numbers": MADE, "texts": (), "missing": set()})
GOOD = {"amount": [1.0, 2.5, 3.0], "gaps": [None, 5.0, float("nan")], "shop": ["a", "é", ""], "note": ["x", None, "x"]}
RAW = {"at": pd.date_range("2026-01-03 05:30", periods=3, freq="h"), "amount": [1.0, 2.0, 4.0], "limit": [0, None, 2]}


def rows(model=MODEL, first=0, base=GOOD, **columns):
    table = pa.table({name: pa.array(values) for name, values in (base | columns).items()})
    return batch_of(model, columns_of(model, table.schema), table, first)


def test_rows_are_arrays_in_the_models_order():
    found = rows()
    np.testing.assert_array_equal(found.numbers, [[1, np.nan], [2.5, 5], [3, np.nan]])
    assert found.numbers.flags.c_contiguous
    assert found.texts.tolist() == [["a", "x"], ["é", None], ["", "x"]]


def test_chunks_and_types_do_not_matter():
    plain = pa.table(GOOD)
    cut = pa.concat_tables([plain[:1], plain[1:]])
    shop = pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array(["é", ""]).dictionary_encode()])
    note = cut["note"].cast(pa.large_string())
    table = pa.table({"amount": cut["amount"].cast(pa.float32()), "gaps": cut["gaps"], "shop": shop, "note": note})
    found, expected = (batch_of(MODEL, columns_of(MODEL, t.schema), t, 0) for t in (table, plain))
    np.testing.assert_array_equal(found.numbers, expected.numbers)
    assert found.texts.tolist() == expected.texts.tolist()


def test_columns_of_nulls_are_missing_values():
    found = rows(gaps=pa.nulls(3), note=pa.nulls(3))
    assert np.isnan(found.numbers[:, 1]).all()
    assert found.texts[:, 1].tolist() == [None] * 3
    with pytest.raises(PipelineError, match="column amount: is missing"):
        rows(amount=pa.nulls(3))


@pytest.mark.parametrize("value", [2**62 + 1, -(2**63), 127])
def test_whole_numbers_are_rounded_as_python_rounds_them(value):
    assert rows(amount=[value, 1, 2]).numbers[0, 0] == float(value)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"amount": [1.0, None, None]},
            "row 101 .*, column amount: is missing, and no row that the model learned from",
        ),
        ({"amount": [1, 2, None]}, "row 102 .*, column amount: is missing"),
        ({"amount": [1.0, 2.0, float("nan")]}, "row 102 .*, column amount: is missing"),
        (
            {"amount": [1.0, float("inf"), 2.0]},
            r"row 101 .*, column amount: is not between -3\.403e\+38 and 3\.403e\+38",
        ),
        ({"gaps": [None, None, -4e38]}, "row 102 .*, column gaps: is not between"),
        ({"gaps": pa.array([1, 2, -np.inf], pa.float16())}, "row 102 .*, column gaps: is not between"),
        ({"shop": ["a", None, None]}, "row 101 .*, column shop: is missing"),
        ({"shop": ["a", "b", "c\0d"]}, "row 102 .*, column shop: holds what is no character"),
        ({"note": [None, "\uffff", "a"]}, "row 101 .*, column note: holds what is no character"),
        ({"shop": ["a", "b", None], "amount": [1.0, None, 1.0]}, "row 101 .*, column amount"),
    ],
)
def test_the_first_bad_row_is_named(columns, words):
    with pytest.raises(PipelineError, match=words):
        rows(first=100, **columns)


def test_text_that_is_no_utf8_is_told():
    bad = pa.Array.from_buffers(
        pa.string(), 3, [None, pa.py_buffer(np.array([0, 1, 2, 3], np.int32)), pa.py_buffer(b"a\xffb")]
    )
    with pytest.raises(PipelineError, match="column shop: text that is not UTF-8"):
        rows(shop=bad)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_made_features_are_those_of_the_pipeline(unit, zone):
    time = pa.array(RAW["at"]).cast(pa.timestamp(unit, zone))
    frame = pd.DataFrame(RAW | {"limit": [0.0, np.nan, 2.0]})
    expected = evaluate(DECLARATION[4:], frame, "at", {})[list(MADE)].to_numpy(np.float64)
    np.testing.assert_array_equal(rows(MAKER, base=RAW, at=time).numbers, expected)


def test_made_features_need_no_order_of_time():
    backwards = {name: pa.array(values)[::-1] for name, values in RAW.items()}
    np.testing.assert_array_equal(rows(MAKER, base=backwards).numbers, rows(MAKER, base=RAW).numbers[::-1])


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"at": [*RAW["at"][:2], None]}, "row 2 .*, column at: is missing"),
        ({"at": pa.array([0, 1, 2], pa.timestamp("ns"))}, "row 1 .*, column at: is finer than a microsecond"),
        (
            {"at": pa.array([0, 10**17, 2], pa.timestamp("ms"))},
            "row 1 .*, column at: is not between the years 1678 and",
        ),
        ({"amount": [1.0, None, 2.0]}, "row 1 .*, column amount: is missing"),
        ({"limit": [1.0, None, float("inf")]}, "row 2 .*, column limit: is not between"),
        ({"amount": [1e38, 2.0, 1.0], "limit": [1e-300, 1.0, 1.0]}, "row 0 .*, column (rest|share): is not between"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_features_are_made_from_is_checked(columns, words):
    with pytest.raises(PipelineError, match=words):
        rows(MAKER, base=RAW, **columns)
