import numpy as np
import pytest

from lifecycle.explanation.attribution import Attribution, from_bytes, to_bytes
from lifecycle.explanation.contributions import attribution, explainer
from lifecycle.models.leaves import Leaves
from tests.helpers_bundle import fitted, of_shops
from tests.helpers_model import CLASSIFIERS, learnable


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_what_is_written_and_read_again_explains_the_same(model):
    pipeline, rows = of_shops(model), learnable(50, seed=5)[0]
    found = from_bytes(to_bytes(attribution(pipeline)))
    expected = explainer(pipeline)(rows)
    np.testing.assert_array_equal(found.of(pipeline[:-1].transform(rows), 3), expected.values[0], strict=True)
    assert (found.base, found.unit) == (expected.base, expected.unit)


def test_the_same_model_gives_the_same_bytes():
    pipeline = of_shops("extra_trees")
    assert to_bytes(attribution(pipeline)) == to_bytes(attribution(pipeline))


def test_columns_of_one_feature_add_up():
    found = Attribution(np.array([1, 0, 1]), (np.array([1.0, 2.0, 3.0]),), (0.5,), "log-odds")
    assert found.of(np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0]]), 2).tolist() == [[2, 4], [4, 3]]


def test_nothing_is_unpickled():
    table = Leaves(*(np.array([{"a": "thing"}], dtype=object) for _ in Leaves._fields))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        from_bytes(to_bytes(Attribution(np.zeros(1), (table,), (0.0,), "probability")))


def test_a_family_without_contributions_writes_that_there_are_none(neighbours):
    pipeline = fitted("k_nearest_neighbours", *learnable())
    assert attribution(pipeline) is None
    assert from_bytes(to_bytes(None)) is None
