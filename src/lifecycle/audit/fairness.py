"""Whether groups of people are treated alike: figures by group and by intersection of two groups.

A group may be made from a sensitive column, which the model never sees: it is carried beside the scores.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lifecycle.audit.groups import Figures, Grouped, by_group, draw, rates
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import AuditParams
from lifecycle.evaluation.bootstrap import LEVEL, interval, told
from lifecycle.evaluation.scored_window import Judged
from lifecycle.problem.bands import Band, assign

# Selection rate: demographic parity. Recall: equal opportunity; with the false-positive rate: equalised odds (Hardt,
# Price and Srebro 2016). Mean prediction beside the observed share: calibration within groups (Kleinberg et al. 2017).
TOLD = ("selection_rate", "recall", "false_positive_rate", "mean_predicted", "observed")
BETWEEN = " x "  # in the name of an intersection


class Audited(NamedTuple):
    """Groups of one cut, or of the intersection of two."""

    table: pd.DataFrame  # a line per group: figures and the ends of their intervals, by the group's name
    sums: Figures  # of each group: records, positives, alerts, ...
    draws: Figures  # those sums in each resample of entities, of shape (samples, groups)


def audit(judged: Judged, scored: pd.DataFrame, bands: Sequence[Band], draws: tuple[int, int]) -> dict[str, Audited]:
    """Compute the figures of every group and of every intersection of two groups, with intervals by entity.

    Parameters
    ----------
    judged : Judged
        The window.
    scored : pandas.DataFrame
        The same records, with the columns that the bands are made from.
    bands : sequence of Band
        The cuts.
    draws : (int, int)
        Number of resamples of entities, and their seed.

    Returns
    -------
    dict of str to Audited
        By the band's name, or both names joined by `BETWEEN`.
    """
    features = pd.DataFrame({band.name: assign(band, scored) for band in bands}, index=scored.index)
    chosen = [*((band.name,) for band in bands), *combinations((band.name for band in bands), 2)]
    labels = {BETWEEN.join(names): _joined(features[list(names)]) for names in chosen}
    cuts = {name: Grouped(judged, label, false_alert=0) for name, label in labels.items()}
    drawn = draw(cuts, judged.entity, *draws) if cuts else {}
    return {
        name: Audited(_with_ends(by_group(judged, labels[name]), drawn[name]), cut.sums(), drawn[name])
        for name, cut in cuts.items()
    }


def between_groups(table: pd.DataFrame, min_positives: int) -> dict[str, dict[str, float | None]]:
    """Return, for each figure, the largest difference and the smallest ratio of groups that are not too small."""
    large = table[table["positives"] >= min_positives]
    found: dict[str, dict[str, float | None]] = {}
    for name in TOLD:
        low, high = large[name].min(), large[name].max()
        told = len(large) > 1
        ratio = float(low / high) if told and high > 0 else None
        found[name] = {"difference": float(high - low) if told else None, "ratio": ratio}
    return found


def as_json(audited: Mapping[str, Audited], min_positives: int) -> dict[str, Any]:
    """Return every group's figures and what lies between them; `few`: fewer positives than `min_positives`."""
    found: dict[str, Any] = {}
    for name, one in audited.items():
        lines = {str(group): line.to_dict() for group, line in one.table.iterrows()}
        groups = {
            group: {"few": line["positives"] < min_positives}
            | {str(k): int(v) if k in ("records", "positives") else told(v) for k, v in line.items()}
            for group, line in lines.items()
        }
        found[name] = {"groups": groups, "between_groups": between_groups(one.table, min_positives)}
    return found


def as_table(audited: Mapping[str, Audited], min_positives: int) -> pd.DataFrame:
    """Return the table for plots: each group with a label, and whether its positives are `few`."""
    parts = [
        one.table.assign(cut=name, group=one.table.index, label=[f"{name}: {group}" for group in one.table.index])
        for name, one in audited.items()
    ]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=["cut", "group", "label", "positives", *TOLD])
    return table.assign(few=table["positives"] < min_positives)


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
    return found[["records", "positives", *columns]]


class Gap(NamedTuple):
    """A distance of two groups, or of a group's positives and their prediction, on the scale of the limit."""

    what: str
    size: float  # a difference, or the logarithm of a ratio
    error: float  # standard error of it


def check_fairness(audited: Mapping[str, Audited], limits: AuditParams) -> None:
    """Raise when groups are treated less alike than a limit allows, by more than noise gives.

    A gap breaks its limit when it exceeds it by more than its standard error times the normal quantile of a one-sided
    2.5 % divided among all gaps of that kind (Bonferroni): fair models pass in at least 97.5 % of windows, however many
    groups are compared. The standard error is the larger one of resampled entities and of independent records, so that
    three positives found out of three are not taken for certainty. Groups with too few positives are no part of it.

    Raises
    ------
    PipelineError
        Names every broken limit with its groups and figures, the clearest first.
    """
    faults = []
    for key, gaps in (
        ("max_recall_difference", _recalls(audited, limits.min_positives)),
        ("max_false_positive_ratio", _false_positives(audited, limits.min_positives)),
        ("max_calibration_ratio", _calibrations(audited, limits.min_positives)),
    ):
        limit = getattr(limits, key)
        if limit is not None:
            faults += _broken(list(gaps), key, limit)
    if faults:
        raise PipelineError(
            "fairness:\n  "
            + "\n  ".join(faults)
            + "\nLook at metrics/audit/fairness.json; the limits stand in params.yaml"
        )


def _broken(gaps: list[Gap], key: str, limit: float) -> list[str]:
    ratio = key.endswith("ratio")
    allowed, quantile = (np.log(limit) if ratio else limit), -ndtri((100 - LEVEL) / 200 / max(len(gaps), 1))
    broken = [gap for gap in gaps if gap.size - quantile * gap.error > allowed]
    broken.sort(key=lambda gap: quantile * gap.error - gap.size)

    def told(size: float) -> str:
        return f"{np.exp(size):.2f} times" if ratio else f"{size:.3f}"

    return [
        f"{gap.what}: {told(gap.size)} apart, {told(gap.size - quantile * gap.error)} beyond noise; audit.{key} ="
        f" {limit:g}"
        for gap in broken
    ]


def _recalls(audited: Mapping[str, Audited], least: int) -> Iterator[Gap]:
    for cut, one in audited.items():
        hits, positives = one.sums["hits"], one.sums["positives"]
        share = (hits + 1) / (positives + 2)  # Agresti and Coull 1998: a standard error above 0 for all and for none
        with np.errstate(invalid="ignore"):
            value, draws = hits / positives, one.draws["hits"] / one.draws["positives"]
        yield from _pairs("recall", cut, one, least, (value, draws, share * (1 - share) / (positives + 2)))


def _false_positives(audited: Mapping[str, Audited], least: int) -> Iterator[Gap]:
    for cut, one in audited.items():
        alarms = one.sums["false_alerts"] + 0.5  # Haldane 1956: a ratio that exists for none, too
        values = _log_rate(one.sums), _log_rate(one.draws), 1 / alarms
        yield from _pairs("false-positive rate", cut, one, least, values)


def _log_rate(sums: Figures) -> np.ndarray:
    return np.log((sums["false_alerts"] + 0.5) / (sums["negatives"] + 1))


def _pairs(
    figure: str, cut: str, one: Audited, least: int, values: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> Iterator[Gap]:
    value, draws, variance = values
    names = list(one.table.index)
    for i, j in combinations(np.flatnonzero(one.sums["positives"] >= least), 2):
        resampled = np.nanvar(draws[:, i] - draws[:, j], ddof=1)
        error = float(np.sqrt(max(resampled, variance[i] + variance[j])))
        high, low = (i, j) if value[i] >= value[j] else (j, i)
        shown = np.exp(value) if figure.startswith("false") else value
        what = f"{figure} of {cut} {names[high]!r} is {shown[high]:.4f}, of {names[low]!r} {shown[low]:.4f}"
        yield Gap(what, float(value[high] - value[low]), error)


def _calibrations(audited: Mapping[str, Audited], least: int) -> Iterator[Gap]:
    for cut, one in audited.items():
        names = list(one.table.index)
        value, draws = (np.log((s["positives"] + 0.5) / (s["predicted"] + 0.5)) for s in (one.sums, one.draws))
        for i in map(int, np.flatnonzero(one.sums["positives"] >= least)):
            error = np.sqrt(max(np.nanvar(draws[:, i], ddof=1), 1 / (one.sums["positives"][i] + 0.5)))
            line = one.table.iloc[i]
            what = (
                f"positives of {cut} {names[i]!r} are {line['observed']:.4f} of its records, predicted were"
                f" {line['mean_predicted']:.4f}"
            )
            yield Gap(what, float(abs(value[i])), float(error))
