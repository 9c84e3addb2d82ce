"""What every feature word of the record alone holds to; a new word is tested by being there."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given

from lifecycle.features.aggregates import feature_columns
from lifecycle.problem.record_words import RecordWord
from lifecycle.problem.window_words import declaration_of, features_of
from tests.helpers_features import tables
from tests.helpers_model import quick

NUMBERS = ("amount", "speed", "score", "items")


def instance(word):
    """Make a word, each source a column of numbers."""
    fields = {"name": "w"} | dict(zip(word.sources, NUMBERS, strict=False))
    return word(**fields)


words = pytest.mark.parametrize("word", RecordWord.known.values(), ids=RecordWord.known)


@words
@given(table=tables)
@quick
def test_one_record_has_the_bits_of_the_table(word, table):
    feature = instance(word)
    column = feature.batch(table, table["time"])
    assert len(column) == len(table["time"])
    assert feature.dtype in (None, str(column.dtype))
    values = {name: table[name].tolist() for name in feature.reads}
    for row, time in enumerate(table["time"].tolist()):
        value = feature.online({name: column[row] for name, column in values.items()}, time)
        assert type(value) in (int, float, str)
        assert np.array(value, column.dtype).tobytes() == column[row].tobytes()


@words
@given(table=tables)
@quick
def test_a_word_says_whether_it_may_be_missing(word, table):
    feature = instance(word)
    nullable = {name for name in feature.reads if np.isnan(table[name]).any()}
    if np.isnan(feature.batch(table, table["time"])).any() and not np.isinf(table["score"]).any():
        assert feature.may_be_missing(nullable)


@words
def test_a_word_is_a_value_with_texts_that_json_gives_back(word):
    feature = instance(word)
    assert dataclasses.is_dataclass(feature)
    with pytest.raises(dataclasses.FrozenInstanceError):
        feature.name = "other"
    assert features_of(json.loads(json.dumps([declaration_of(feature)], allow_nan=False)))[0].names == feature.names
    assert feature_columns(feature) == [feature]
    assert feature.unit or feature.reads  # without its own unit it has that of what it reads
    said = [feature.definition(), *(feature.sentence({feature.name: value}, str.upper) for value in (0.5, 1))]
    assert all(text and "{" not in text for text in said)
