from types import SimpleNamespace

import pyarrow as pa
import pytest

from lifecycle.bundle.model_input import columns_of
from lifecycle.core.errors import PipelineError
from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw
from lifecycle.problem.window_words import Window

DECLARATION = (
    Raw("amount"),
    Raw("shop"),
    Window("seen", "count", by="card", days=(7,)),
    Hour("hour"),
    Ratio("share", "amount", "limit"),
    Difference("rest", "share", "hour"),
    Night("night"),
    Ratio("pace", "amount", "seen_7d"),
)
TYPES = {
    **{"id": pa.int64(), "at": pa.timestamp("us"), "card": pa.int64(), "amount": pa.float64(), "limit": pa.int32()},
    **{"shop": pa.string(), "seen_7d": pa.int32(), "hour": pa.float64(), "share": pa.float64(), "rest": pa.float64()},
}


def model(*features):
    numbers = tuple(name for name in features if name != "shop")
    texts = tuple(name for name in features if name == "shop")
    schema = {"key": "id", "time": "at", "columns": []}
    return SimpleNamespace(features=features, numbers=numbers, texts=texts, schema=schema, declaration=DECLARATION)


def schema(*names, **types):
    return pa.schema([(name, (TYPES | types)[name]) for name in names])


def test_features_that_are_there_are_read_and_nothing_else():
    found = columns_of(model("amount", "shop", "seen_7d"), schema(*TYPES))
    assert found.read == ["id", "at", "amount", "seen_7d", "shop"]
    assert found.computed == ()


def test_features_of_the_record_are_made_from_its_own_columns():
    found = columns_of(model("amount", "rest"), schema("at", "amount", "limit"))
    assert [feature.name for feature in found.computed] == ["hour", "share", "rest"]
    assert found.read == ["at", "amount", "limit"]
    assert found.time == "at"


def test_nothing_is_made_that_is_not_needed():
    found = columns_of(model("rest"), schema("hour", "amount", "limit"))
    assert [feature.name for feature in found.computed] == ["share", "rest"]
    assert found.time is None


@pytest.mark.parametrize(
    ("features", "names", "words"),
    [
        (("amount", "seen_7d"), ("at", "card", "amount"), r"no column seen_7d: .*python src/featurize\.py"),
        (("pace",), ("at", "card", "amount"), r"no column seen_7d: .*earlier records"),
        (
            ("rest",),
            ("at", "amount"),
            "no column limit, which data/features/features.parquet has; there are: at, amount",
        ),
        (("hour",), ("amount",), "no column at,"),
        (("amount", "shop"), ("id",), "no column amount, shop,"),
    ],
)
def test_what_lacks_is_named(features, names, words):
    with pytest.raises(PipelineError, match=words):
        columns_of(model(*features), schema(*names))


@pytest.mark.parametrize("name", ["id", "amount"])
def test_a_column_that_is_there_twice_is_refused(name):
    with pytest.raises(PipelineError, match=f"more than one column {name}"):
        columns_of(model("amount"), schema("id", "amount", name))


def test_another_column_may_be_there_twice():
    assert columns_of(model("amount"), schema("amount", "card", "card")).read == ["amount"]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("amount", pa.string(), "column amount has the type string; it must be a number"),
        ("amount", pa.bool_(), "column amount has the type bool"),
        ("amount", pa.decimal128(9, 2), "column amount has the type decimal"),
        ("amount", pa.list_(pa.float64()), "column amount has the type list"),
        ("shop", pa.int64(), "column shop has the type int64; it must be text"),
        ("shop", pa.binary(), "column shop has the type binary"),
        ("at", pa.string(), "column at has the type string; it must be a timestamp"),
    ],
)
def test_a_wrong_type_is_refused(name, kind, words):
    with pytest.raises(PipelineError, match=words):
        columns_of(model("amount", "shop", "hour"), schema("at", "amount", "shop", **{name: kind}))


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.null()])
def test_any_type_of_number_will_do(kind):
    assert columns_of(model("amount"), schema("amount", amount=kind)).numbers == ("amount",)


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int8(), pa.string()), pa.string_view()])
def test_any_type_of_text_will_do(kind):
    assert columns_of(model("shop"), schema("shop", shop=kind)).texts == ("shop",)
