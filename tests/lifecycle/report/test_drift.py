import numpy as np
import pandas as pd
import pytest

from lifecycle.features.feature_contract import MOST_CATEGORIES, QUANTILES
from lifecycle.report.drift import drift, stability_index


def contract(train: pd.DataFrame, hidden: tuple[str, ...] = ()) -> dict:
    """Describe columns as models/features.json does."""
    columns = []
    for name, column in train.items():
        entry = {"name": name, "null_share": float(column.isna().mean())}
        if column.dtype.kind in "biuf":
            quantiles = column.dropna().quantile(QUANTILES, interpolation="lower")
            entry["quantiles"] = {f"{share:g}": float(value) for share, value in quantiles.items()}
        else:
            entry["categories"] = column.value_counts(normalize=True).head(MOST_CATEGORIES).to_dict()
        columns.append(entry)
    return {"hidden": list(hidden), "columns": columns}


def index(base: np.ndarray, head: np.ndarray) -> float:
    return drift(contract(pd.DataFrame({"x": base})), pd.DataFrame({"x": head}))["x"]


RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=20_000)


def test_the_formula_is_the_published_one():
    expected, actual = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.4, 0.2])
    by_hand = (0.4 - 0.5) * np.log(0.4 / 0.5) + (0.4 - 0.3) * np.log(0.4 / 0.3)
    assert stability_index(expected, actual) == pytest.approx(by_hand)
    assert stability_index(expected, actual) == pytest.approx(stability_index(actual, expected))
    assert stability_index(expected, expected) == 0


@pytest.mark.parametrize(
    "base",
    [
        NORMAL,
        (NORMAL > 1.6).astype(int),  # 95 % zeros: the share of the zeros is not told by quantiles
        np.where(NORMAL > 1, NORMAL, 0.0),
        np.round(NORMAL),
        np.where(NORMAL > -1.5, 10.0, NORMAL),  # many at the greatest value
        np.zeros(100),
        np.where(NORMAL > 0, np.nan, NORMAL),
    ],
)
def test_the_same_rows_and_a_second_sample_of_them_have_not_moved(base):
    assert index(base, base) < 0.005
    assert index(base, RNG.permutation(base)[: len(base) // 2]) < 0.02


@pytest.mark.parametrize(
    ("head", "low", "high"),
    [
        (NORMAL + 0.1, 0.003, 0.1),
        (NORMAL + 0.4, 0.1, 0.25),
        (NORMAL + 1, 0.5, 5),
        (NORMAL * 3, 0.25, 10),
        (np.full(1000, 99.0), 5, 50),
    ],
)
def test_a_shift_has_the_size_of_its_mark(head, low, high):
    assert low < index(NORMAL, head) < high


def test_a_larger_share_of_zeros_is_seen():
    assert index((NORMAL > 0).astype(float), (NORMAL > 1.6).astype(float)) > 0.25


def test_missing_values_count():
    assert index(NORMAL, np.where(RNG.random(len(NORMAL)) < 0.3, np.nan, NORMAL)) > 0.25


def test_text_is_compared_value_by_value():
    base, same, other = (pd.DataFrame({"x": list(letters) * 50}) for letters in ("aab", "aba", "bbc"))
    assert drift(contract(base), same) == {"x": 0}
    assert drift(contract(base), other)["x"] > 0.25


def test_the_largest_comes_first_and_hidden_or_removed_features_are_left_out():
    base = pd.DataFrame(dict.fromkeys("abcd", NORMAL))
    head = base.assign(b=NORMAL + 1).drop(columns="d")
    assert list(drift(contract(base, hidden=("c",)), head)) == ["b", "a"]
