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


def described(quantiles, null_share=0.0):
    entry = {"name": "x", "null_share": null_share, "quantiles": quantiles}
    return {"columns": [entry]}


QUARTERS = {"0": 0.0, "0.25": 1.0, "0.5": 2.0, "0.75": 3.0, "1": 4.0}
HEAD = np.array([0.5] * 10 + [1.5] * 20 + [2.5] * 30 + [3.5] * 40)


def expect(values, shares, others, quantiles=QUARTERS):
    """Hold the index of values against that of shares counted by hand, the base's and then the head's."""
    found = drift(described(quantiles), pd.DataFrame({"x": values}))["x"]
    assert found == pytest.approx(stability_index(np.array(shares), np.array(others)))


def test_values_are_counted_between_the_quantiles_of_the_base():
    expect(HEAD, [0.25] * 4, [0.1, 0.2, 0.3, 0.4])


def test_values_below_all_count_in_the_first_bin_and_above_all_in_one_of_their_own():
    expect(np.where(HEAD == 0.5, -7.0, HEAD), [0.25] * 4, [0.1, 0.2, 0.3, 0.4])
    expect(np.where(HEAD == 0.5, 9.0, HEAD), [0.25] * 4 + [0.0], [0.0, 0.2, 0.3, 0.4, 0.1])


def test_one_record_on_a_quantile_is_counted_below_it():
    values = HEAD.copy()
    values[-1] = 2.0
    expect(values, [0.25] * 4, [0.1, 0.21, 0.3, 0.39])


@pytest.mark.parametrize(
    ("on_two", "reaches"),
    [(2, 0.5), (25, 0.55), (40, 0.7)],  # up to 0.75, where the next quantile is; never below its own 0.5
)
def test_where_records_share_a_value_the_base_s_share_is_the_nearest_possible(on_two, reaches):
    values = HEAD.copy()
    values[-on_two:] = 2.0
    upto = 0.3 + on_two / 100
    shares = [0.25, reaches - 0.25, 0.75 - reaches, 0.25]
    expect(values, shares, [0.1, upto - 0.1, 0.3, 1 - upto - 0.3])


@pytest.mark.parametrize(("zeros", "reaches"), [(10, 0.25), (40, 0.4), (80, 0.5)])
def test_where_quantiles_agree_their_share_lies_between_the_last_of_them_and_the_next(zeros, reaches):
    quantiles = QUARTERS | {"0.25": 0.0}
    rest = 100 - zeros
    values = np.array([0.0] * zeros + [1.5] * (rest // 2) + [3.5] * (rest - rest // 2))
    shares, others = [reaches, 0.5 - reaches, 0.25, 0.25], [zeros / 100, rest / 200, 0.0, rest / 200]
    expect(values, shares, others, quantiles)


def test_where_quantiles_agree_and_the_value_is_gone_the_base_has_its_least_share():
    expect(HEAD, [0.25, 0.25, 0.25, 0.25], [0.0, 0.3, 0.3, 0.4], QUARTERS | {"0.25": 0.0})


def test_a_column_that_one_side_has_no_value_of_is_told_by_what_is_missing():
    empty, some = pd.DataFrame({"x": [np.nan] * 4}), pd.DataFrame({"x": [1.0, 2.0, np.nan, np.nan]})
    halves = stability_index(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    assert drift(described({}, null_share=1.0), some)["x"] == pytest.approx(halves)
    assert drift(described({}, null_share=1.0), empty)["x"] == 0
    filled = stability_index(np.array([0.75, 0.25]), np.array([0.0, 1.0]))
    assert drift(described(QUARTERS, null_share=0.25), empty)["x"] == pytest.approx(filled)


@pytest.mark.parametrize(
    ("categories", "values", "shares", "others"),
    [
        ({"a": 0.5, "b": 0.5}, "aaaa", [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]),
        ({"a": 0.5, "b": 0.5}, "abcc", [0.5, 0.5, 0.0], [0.25, 0.25, 0.5]),
        ({"a": 0.2, "b": 0.6}, "aabb", [0.25, 0.75, 0.0], [0.5, 0.5, 0.0]),  # the rarest were not written down
        ({}, "ab", [0.0], [1.0]),
    ],
)
def test_values_of_text_are_held_against_the_base_s_shares_and_new_ones_are_a_bin(categories, values, shares, others):
    entry = {"name": "x", "null_share": 0.0, "categories": categories}
    found = drift({"columns": [entry]}, pd.DataFrame({"x": list(values)}))["x"]
    assert found == pytest.approx(stability_index(np.array(shares), np.array(others)))


def test_equal_indices_stand_by_name_and_no_contract_has_none():
    columns = [entry | {"name": name} for name in ("b", "a") for entry in described(QUARTERS)["columns"]]
    assert list(drift({"columns": columns}, pd.DataFrame({"b": HEAD, "a": HEAD}))) == ["a", "b"]
    assert drift({}, pd.DataFrame({"a": HEAD})) == {}
