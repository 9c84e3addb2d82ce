"""Leakage alarms: signs that a model would learn from what is not known when it decides."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.ranking import separation

PERFECT_FIT = 1 - 1e-9  # share of the target's variance that a sum of columns may explain
NAMED = 5


def check_features(train: pd.DataFrame, features: Sequence[str], target: str, max_auc: float) -> None:
    """Raise when a feature of the training rows alone, or a sum of features, gives the 0/1 target away.

    `max_auc` is the largest area under the ROC curve that one feature may reach, in either direction. Text columns are
    skipped. The error names the features and their areas.
    """
    numeric = [name for name in features if pd.api.types.is_numeric_dtype(train[name])]
    areas = {name: separation(train[name].to_numpy(), train[target].to_numpy()) for name in numeric}
    suspects = {name: area for name, area in areas.items() if area > max_auc}
    if suspects:
        largest = sorted(suspects.items(), key=lambda item: -item[1])[:NAMED]
        named = ", ".join(f"{name} ({area:.3f})" for name, area in largest)
        raise PipelineError(
            f"leak alarm: alone, {named} separates the classes better than split.max_feature_auc = {max_auc:g} allows."
            " Is it known before the label? Take it out, or raise the limit if it is"
        )
    parts = _sum_that_is_target(train[numeric], train[target])
    if parts:
        raise PipelineError(
            f"leak alarm: a weighted sum of {', '.join(parts)} equals {target}; take them out of the features"
        )


def check_split(train: pd.DataFrame, test: pd.DataFrame, key: str, time: str, delay: pd.Timedelta) -> None:
    """Raise when training rows are in the test window too, have a label too late, or a time after their label's own."""
    content = [name for name in train.columns if name != key]
    repeated = int(train[key].isin(test[key]).sum())
    rows = (pd.util.hash_pandas_object(part[content], index=False) for part in (train, test))
    copies = len(set.intersection(*(set(part) for part in rows)))
    if repeated or copies:
        raise PipelineError(f"leak alarm: {max(repeated, copies):,} training rows are in the test window too")
    if train[time].max() + delay > test[time].min():
        raise PipelineError(
            f"leak alarm: a training label is known only after {test[time].min()}, when the test window starts"
        )
    for name in train.select_dtypes("datetime"):
        late = int((train[name] > train[time] + delay).sum())
        if late:
            raise PipelineError(
                f"leak alarm: column {name} lies after the label's own time in {late:,} training rows; if it is no"
                " slip, name it in the problem's `ignored`"
            )


def _sum_that_is_target(features: pd.DataFrame, target: pd.Series) -> list[str]:
    if len(features) <= features.shape[1] + 1:  # so few rows can always be met exactly
        return []
    finite = features.astype(np.float64).replace([np.inf, -np.inf], np.nan)
    values = finite.fillna(finite.mean()).fillna(0).to_numpy()
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    centred = target.to_numpy(dtype=np.float64) - target.mean()
    weights, *_ = np.linalg.lstsq(scaled, centred, rcond=None)
    if ((centred - scaled @ weights) ** 2).sum() > (1 - PERFECT_FIT) * (centred**2).sum():
        return []
    return [name for name, weight in zip(features.columns, weights, strict=True) if abs(weight) > 1e-6]
