"""All figures of a model and its decisions on one window, each with a bootstrap interval by entity."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from lifecycle.evaluation.bootstrap import interval, resamples, weights_of
from lifecycle.evaluation.metrics import EntityRanking, Ranking, average_precision, calibration_error, roc_auc
from lifecycle.evaluation.scored_window import Judged

Figures = dict[str, float]


def figures_of(judged: Judged, false_alert: float, top_k: int, days: float) -> Callable[[np.ndarray | None], Figures]:
    """Return a function from copies of each entity (or None: one each) to the figures.

    Parameters
    ----------
    judged : Judged
        The window.
    false_alert : float
        Cost of reviewing a negative record.
    top_k : int
        Entities reviewed a day.
    days : float
        Length of the window.
    """
    ranking = Ranking(judged.target, judged.score)
    entities = None if judged.entity is None else EntityRanking(judged.day, judged.entity, judged.target, judged.score)
    table = summands(judged, false_alert)

    def figures(copies: np.ndarray | None) -> Figures:
        weight = None if copies is None else weights_of(copies, judged.entity)
        counts = ranking.counts(weight)
        found = {"average_precision": average_precision(*counts), "roc_auc": roc_auc(*counts)}
        if entities is not None:
            found[f"entity_precision_at_{top_k}"] = entities.precision_at(top_k, copies)
        # Summed without the BLAS, whose order of summation depends on the processor and its threads.
        weighted = table if weight is None else table.mul(weight, axis="index")
        found |= _rates({str(name): float(value) for name, value in weighted.sum().items()}, days)
        return found | {"calibration_error": calibration_error(judged.target, judged.probability, weight)}

    return figures


def summands(judged: Judged, false_alert: float) -> pd.DataFrame:
    """Return, per record, what rates are made from by summing."""
    positive = judged.target == 1

    def cost(alert: np.ndarray) -> np.ndarray:
        return np.where(positive, np.where(alert, 0.0, judged.missed), np.where(alert, false_alert, 0.0))

    columns = {
        "records": np.ones(len(positive)),
        "hits": judged.alert & positive,
        "alerts": judged.alert,
        "positives": positive,
        "right": judged.alert == positive,
        "error": (judged.probability - judged.target) ** 2,
        "cost": cost(judged.alert),
        "cost_none": cost(np.zeros(len(positive), bool)),
    }
    if judged.rule is not None:
        columns["cost_rule"] = cost(judged.rule)
    return pd.DataFrame(columns, dtype=np.float64)


def _rates(total: dict[str, float], days: float) -> Figures:
    rates = {
        "recall": _ratio(total["hits"], total["positives"]),
        "precision": _ratio(total["hits"], total["alerts"]),
        "f1": _ratio(2 * total["hits"], total["positives"] + total["alerts"]),
        "accuracy": total["right"] / total["records"],
        "brier": total["error"] / total["records"],
        "cost_per_record": total["cost"] / total["records"],
        "saved_share_vs_no_model": _ratio(total["cost_none"] - total["cost"], total["cost_none"]),
        "alerts_per_day": total["alerts"] / days,
    }
    if "cost_rule" in total:
        rates["saved_share_vs_rule"] = _ratio(total["cost_rule"] - total["cost"], total["cost_rule"])
    return rates


def intervals(
    figures: Callable[[np.ndarray | None], Figures], units: int, samples: int, seed: int
) -> dict[str, list[float]]:
    """Return the percentile interval of each figure over resamples of entities.

    Parameters
    ----------
    figures : callable
        From `figures_of`.
    units : int
        Number of entities (or of records where there are no entities).
    samples, seed : int
        Number of resamples, and their seed.

    Returns
    -------
    dict of str to [low, high]
        At 95 %. A figure that is undefined in every resample has no entry.
    """
    draws = pd.DataFrame([figures(copies) for copies in resamples(units, samples, seed)])
    defined = draws.dropna(axis="columns", how="all")
    return dict(zip(map(str, defined), interval(defined.to_numpy()).T.tolist(), strict=True))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
