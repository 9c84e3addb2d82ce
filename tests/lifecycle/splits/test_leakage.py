import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from lifecycle.core.errors import PipelineError
from lifecycle.core.ranking import separation
from lifecycle.splits.leakage import check_drawn, check_features, check_split, concordance, largest_separation

WEEK = pd.Timedelta(days=7)


@pytest.fixture
def train():
    rng = np.random.default_rng(0)
    label = (rng.random(400) < 0.3).astype(int)
    noise = rng.normal(size=(400, 2))
    hint = label + rng.normal(size=400)
    return pd.DataFrame({"a": noise[:, 0], "b": noise[:, 1], "hint": hint, "shop": "x", "label": label})


def alarm(train, *features, max_auc=0.95):
    with pytest.raises(PipelineError, match=r"^leak alarm: ") as refused:
        check_features(train, features, "label", max_auc)
    return str(refused.value)


def test_honest_features_pass(train):
    assert check_features(train, ["a", "b", "hint", "shop"], "label", 0.95) is None


@pytest.mark.parametrize(
    "leak",
    [
        lambda t: t["label"] * 3.5 + 0.1 * t["a"].clip(-1, 1),
        lambda t: -t["label"],  # the other way round
        lambda t: t["label"] == 1,
        lambda t: t["a"].where(t["label"] == 0),  # the gaps tell
    ],
)
def test_feature_that_gives_the_label_away_is_named_with_its_area(train, leak):
    message = alarm(train.assign(told=leak(train)), "a", "told", "hint")
    assert "alone, told (1.000) separates the classes better than split.max_feature_auc = 0.95 allows" in message


def test_limit_is_the_largest_area_that_passes(train):
    area = roc_auc_score(train["label"], train["hint"])
    check_features(train, ["hint"], "label", area + 1e-9)
    assert f"hint ({area:.3f})" in alarm(train, "a", "hint", max_auc=area - 1e-9)


def test_worst_features_are_named_first(train):
    leaks = {f"told_{i}": train["label"] + i / 10 * train["a"] for i in range(7)}
    message = alarm(train.assign(**leaks), "a", *leaks, max_auc=0.6)
    assert [message.index(f"told_{i} (") for i in range(5)] == sorted(message.index(f"told_{i} (") for i in range(5))
    assert "told_6" not in message


def test_columns_whose_sum_is_the_label_are_named_and_no_others(train):
    parts = train.assign(net=train["a"], gross=2 * train["label"] - 3 * train["a"] + 5)
    assert "a weighted sum of net, gross equals label; take them out" in alarm(parts, "b", "net", "hint", "gross")
    check_features(parts, ["b", "net", "hint"], "label", 0.95)


def test_concordance_is_the_share_of_pairs_in_the_order_of_their_targets_and_that_of_two_classes_the_area(train):
    rng = np.random.default_rng(1)
    values, target = rng.integers(0, 9, 60).astype(float), rng.integers(0, 12, 60) / 4
    values[:4] = np.nan
    rank = np.nan_to_num(values, nan=99)
    pairs = [(i, j) for i in range(60) for j in range(60) if target[i] > target[j]]
    share = np.mean([(rank[i] > rank[j]) + (rank[i] == rank[j]) / 2 for i, j in pairs])
    assert concordance(values, target) == pytest.approx(max(share, 1 - share))
    hint, label = train["hint"].to_numpy(), train["label"].to_numpy()
    assert concordance(hint, label) == pytest.approx(separation(hint, label)) == largest_separation(hint, label)


def test_of_several_classes_the_one_that_is_told_apart_best_counts():
    values, target = np.array([1.0, 2.0, 3.0, 9.0, 9.5]), np.array([0, 1, 0, 2, 2])
    assert largest_separation(values, target) == 1.0
    train = pd.DataFrame({"told": values, "kind": target})
    with pytest.raises(PipelineError, match=r"alone, told \(1\.000\) separates the classes better"):
        check_features(train, ["told"], "kind", 0.95, "multiclass")


def test_drawn_parts_may_have_equal_rows_but_no_row_twice(windows):
    train, test = windows
    assert check_drawn(train, pd.concat([test, train.iloc[1:].assign(id=[77, 78])]), "id") == 2
    with pytest.raises(PipelineError, match="leak alarm: 1 training rows are in the test part too"):
        check_drawn(train, pd.concat([test, train.iloc[1:2]]), "id")


def test_few_rows_are_no_sign_of_a_leak():
    # As many columns as rows fit any label.
    few = pd.DataFrame(np.random.default_rng(0).normal(size=(10, 12))).add_prefix("f").assign(label=[0, 1] * 5)
    assert check_features(few, [f"f{i}" for i in range(12)], "label", 1.0) is None


@pytest.fixture
def windows():
    days = pd.to_datetime(["2018-01-01", "2018-01-02", "2018-01-03"])
    train = pd.DataFrame({"id": [1, 2, 3], "time": days, "amount": [1.0, 2.0, np.nan], "label": [0, 1, 0]})
    return train, train.assign(id=[4, 5, 6], time=days + pd.Timedelta(days=9))


def split_alarm(train, test, delay=WEEK):
    with pytest.raises(PipelineError, match=r"^leak alarm: ") as refused:
        check_split(train, test, "id", "time", delay)
    return str(refused.value)


def test_windows_apart_by_the_label_delay_pass(windows):
    train, test = windows
    assert check_split(train, test, "id", "time", test["time"].min() - train["time"].max()) is None


def test_label_known_only_in_the_test_window_is_refused(windows):
    delay = pd.Timedelta(days=7, microseconds=1)
    assert "a training label is known only after 2018-01-10 00:00:00" in split_alarm(*windows, delay)


def test_record_in_both_windows_is_counted_by_its_key(windows):
    train, test = windows
    assert "2 training rows are in the test part too" in split_alarm(train, test.assign(id=[3, 1, 9]))


def test_copy_under_another_key_is_counted_gaps_included(windows):
    train, test = windows
    copies = pd.concat([test, train.iloc[1:].assign(id=[77, 78])])
    assert "2 training rows are in the test window too" in split_alarm(train, copies)


def test_column_that_knows_what_came_after_the_label_is_named(windows):
    train, test = (part.assign(closed=part["time"] + WEEK) for part in windows)
    check_split(train, test, "id", "time", WEEK)
    train.loc[1, "closed"] += pd.Timedelta(seconds=1)
    assert "column closed lies after the label's own time in 1 training rows" in split_alarm(train, test)


def test_the_worst_come_first_in_whatever_order_the_columns_stand(train):
    leaks = {name: train["label"] + noise * train["a"] for name, noise in (("b", 0.6), ("c", 0.3), ("a", 0.9))}
    message = alarm(train.assign(**leaks), *leaks, max_auc=0.6)
    assert message.index("c (") < message.index("b (") < message.index("a (")


def in_parts(train, scale=1.0):
    """Return the rows with the label as a sum of two columns, one of them of another scale."""
    return train.assign(net=scale * train["a"], gross=2 * train["label"] - 3 * train["a"] + 5)


@pytest.mark.parametrize("scale", [1e-17, 1e-3, 1e12])
def test_the_parts_of_a_sum_are_seen_on_any_scale(train, scale):
    assert "a weighted sum of net, gross equals label" in alarm(in_parts(train, scale), "b", "net", "hint", "gross")


def test_gaps_infinities_and_constants_in_other_columns_hide_no_sum(train):
    odd = train["b"].copy()
    odd.iloc[:6] = [np.inf, -np.inf, np.nan] * 2
    table = in_parts(train).assign(odd=odd, empty=np.nan, same=7.0, flag=train["b"] > 0)
    message = alarm(table, "odd", "empty", "same", "flag", "net", "gross")
    assert "a weighted sum of net, gross equals label" in message


def test_a_gap_in_a_part_counts_as_its_mean(train):
    table = in_parts(train)
    table.loc[0, ["net", "gross"]] = np.nan  # one record less is explained
    assert check_features(table, ["net", "gross"], "label", 1.0) is None
    exact = pd.DataFrame({"x": [0.0, 1.0, np.nan, 0.0, 1.0, 0.5], "label": [0, 1, 0, 0, 1, 1]})
    exact["label"] = exact["x"].fillna(0.5) * 2
    assert "a weighted sum of x equals label" in alarm(exact, "x", max_auc=1.0)


@pytest.mark.parametrize(("rows", "is_refused"), [(3, False), (4, True)])
def test_a_sum_is_a_sign_from_two_rows_more_than_columns(rows, is_refused):
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"x": rng.normal(size=rows), "label": [0, 1, 0, 1][:rows]})
    table["y"] = table["label"] - table["x"]
    if is_refused:
        assert "a weighted sum of x, y equals label" in alarm(table, "x", "y", max_auc=1.0)
    else:
        assert check_features(table, ["x", "y"], "label", 1.0) is None


@pytest.mark.parametrize(("unexplained", "is_refused"), [(0.8e-9, True), (1.25e-9, False)])
def test_a_sum_may_leave_a_billionth_of_the_variance(train, unexplained, is_refused):
    centred = train["label"] - train["label"].mean()
    noise = train["a"] - train["a"].mean()
    noise -= centred * (noise @ centred) / (centred @ centred)
    noise *= np.sqrt(unexplained * (centred @ centred) / (noise @ noise))
    table = train.assign(near=1_000 * (centred + noise))
    if is_refused:
        assert "a weighted sum of near equals label" in alarm(table, "near", max_auc=1.0)
    else:
        assert check_features(table, ["near"], "label", 1.0) is None


def test_a_class_among_several_and_a_number_are_given_away_too(train):
    classes = train.assign(label=np.arange(len(train)) % 3)
    told = classes.assign(told=(classes["label"] == 1) - 2 * classes["a"])
    with pytest.raises(PipelineError, match="a weighted sum of a, told equals label"):
        check_features(told, ["a", "b", "told"], "label", 0.99, "multiclass")
    check_features(classes, ["a", "b"], "label", 0.99, "multiclass")
    number = train.assign(label=train["a"] + train["b"])
    with pytest.raises(PipelineError, match=r"alone, copy \(1.000\) orders records by label better"):
        check_features(number.assign(copy=number["label"] ** 3), ["copy"], "label", 0.99, "regression")
    with pytest.raises(PipelineError, match="a weighted sum of a, b equals label"):
        check_features(number, ["a", "b"], "label", 0.99, "regression")


def test_copies_are_found_whatever_the_index(windows):
    train, test = windows
    copies = pd.concat([test, train.iloc[1:].assign(id=[77, 78])]).reset_index(drop=True)
    assert check_drawn(train, copies, "id") == 2
    assert check_drawn(train, test, "id") == 0


def test_a_feature_is_held_against_each_class():
    rng = np.random.default_rng(2)
    target = rng.integers(0, 4, 300)
    values = rng.normal(size=300) + 2 * (target == 2)
    areas = [roc_auc_score(target == code, values) for code in range(4)]
    assert largest_separation(values, target) == pytest.approx(max(max(area, 1 - area) for area in areas))
    assert largest_separation(-values, target) == pytest.approx(largest_separation(values, target))


def test_concordance_is_the_share_of_pairs_in_the_same_order():
    rng = np.random.default_rng(3)
    values, target = rng.integers(0, 6, 60), rng.integers(0, 9, 60)
    values += target // 3
    pairs = [(values[i] - values[j]) * np.sign(target[i] - target[j]) for i in range(60) for j in range(i)]
    counted = [0.5 * (1 + np.sign(pair)) for pair in pairs]
    unequal = [target[i] != target[j] for i in range(60) for j in range(i)]
    share = np.mean([one for one, counts in zip(counted, unequal, strict=True) if counts])
    assert 0.6 < share < 0.95
    assert concordance(values, target) == pytest.approx(share)
    assert concordance(-values, target) == pytest.approx(share)
    assert concordance(np.ones(60), target) == concordance(values, np.ones(60)) == 0.5
