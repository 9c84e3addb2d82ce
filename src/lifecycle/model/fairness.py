"""Whether groups of people are treated alike: figures by group and by intersection of two groups.

A group may be made from a sensitive column, which the model never sees: it is carried beside the scores.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.bands import Band, assign
from lifecycle.model.group_figures import by_group
from lifecycle.model.grouped import Figures, Grouped, draw, rates
from lifecycle.model.judged import Judged
from lifecycle.model.resampling import interval, told

# Selection rate: demographic parity. Recall: equal opportunity; with the false-positive rate: equalised odds (Hardt,
# Price and Srebro 2016). Mean prediction beside the observed share: calibration within groups (Kleinberg et al. 2017).
TOLD = ("selection_rate", "recall", "false_positive_rate", "mean_predicted", "observed")
BETWEEN = " x "  # in the name of an intersection


class Audited(NamedTuple):
    """Groups of one cut, or of the intersection of two."""

    table: pd.DataFrame  # a line per group: figures and the ends of their intervals, by the group's name
    sums: Figures  # of each group: records, frauds, alerts, ...
    draws: Figures  # those sums in each resample of cards, of shape (samples, groups)


def audit(judged: Judged, scored: pd.DataFrame, bands: Sequence[Band], draws: tuple[int, int]) -> dict[str, Audited]:
    """Compute the figures of every group and of every intersection of two groups, with intervals by card.

    Parameters
    ----------
    judged : Judged
        The window.
    scored : pandas.DataFrame
        The same records, with the columns that the bands are made from.
    bands : sequence of Band
        The cuts.
    draws : (int, int)
        Number of resamples of cards, and their seed.

    Returns
    -------
    dict of str to Audited
        By the band's name, or both names joined by `BETWEEN`.
    """
    features = pd.DataFrame({band.name: assign(band, scored) for band in bands}, index=scored.index)
    chosen = [*((band.name,) for band in bands), *combinations((band.name for band in bands), 2)]
    labels = {BETWEEN.join(names): _joined(features[list(names)]) for names in chosen}
    cuts = {name: Grouped(judged, label, false_alert=0) for name, label in labels.items()}
    drawn = draw(cuts, judged.card, *draws) if cuts else {}
    return {
        name: Audited(_with_ends(by_group(judged, labels[name]), drawn[name]), cut.sums(), drawn[name])
        for name, cut in cuts.items()
    }


def between_groups(table: pd.DataFrame, min_positives: int) -> dict[str, dict[str, float | None]]:
    """Return, for each figure, the largest difference and the smallest ratio of groups that are not too small."""
    large = table[table["frauds"] >= min_positives]
    found: dict[str, dict[str, float | None]] = {}
    for name in TOLD:
        low, high = large[name].min(), large[name].max()
        told = len(large) > 1
        ratio = float(low / high) if told and high > 0 else None
        found[name] = {"difference": float(high - low) if told else None, "ratio": ratio}
    return found


def as_json(audited: Mapping[str, Audited], min_positives: int) -> dict[str, Any]:
    """Return every group's figures and what lies between them; `few`: fewer frauds than `min_positives`."""
    found: dict[str, Any] = {}
    for name, one in audited.items():
        lines = {str(group): line.to_dict() for group, line in one.table.iterrows()}
        groups = {
            group: {"few": line["frauds"] < min_positives}
            | {str(k): int(v) if k in ("records", "frauds") else told(v) for k, v in line.items()}
            for group, line in lines.items()
        }
        found[name] = {"groups": groups, "between_groups": between_groups(one.table, min_positives)}
    return found


def as_table(audited: Mapping[str, Audited], min_positives: int) -> pd.DataFrame:
    """Return the table for plots: each group with a label, and whether its frauds are `few`."""
    parts = [
        one.table.assign(cut=name, group=one.table.index, label=[f"{name}: {group}" for group in one.table.index])
        for name, one in audited.items()
    ]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=["cut", "group", "label", "frauds", *TOLD])
    return table.assign(few=table["frauds"] < min_positives)


def _joined(labels: pd.DataFrame) -> pd.Series:
    """Return one label of one or two columns, in the order of their categories; only what occurs."""
    first, *others = (labels[name].cat for name in labels)
    names, place = list(first.categories), first.codes.to_numpy(np.int64)
    for other in others:
        names = [f"{a}, {b}" for a in names for b in other.categories]
        place = place * len(other.categories) + other.codes.to_numpy(np.int64)
    return pd.Series(pd.Categorical.from_codes(place, pd.Index(names), ordered=True).remove_unused_categories())


def _with_ends(table: pd.DataFrame, drawn: Figures) -> pd.DataFrame:
    resampled = rates(drawn) | {"selection_rate": rates(drawn)["alert_rate"]}
    ends = {name: interval(resampled[name]) for name in TOLD}
    columns = [name for figure in TOLD for name in (figure, f"{figure}_low", f"{figure}_high")]
    found = table.assign(**{f"{n}_{side}": ends[n][i] for n in TOLD for i, side in enumerate(("low", "high"))})
    return found[["records", "frauds", *columns]]
