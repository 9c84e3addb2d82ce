"""All figures of a model and its decisions on one window, each with a bootstrap interval by card."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from lifecycle.model.judged import Judged
from lifecycle.model.metrics import CardRanking, Ranking, average_precision, calibration_error, roc_auc
from lifecycle.model.resampling import interval, resamples, weights_of

Figures = dict[str, float]


def figures_of(judged: Judged, false_alert: float, top_k: int, days: float) -> Callable[[np.ndarray | None], Figures]:
    """Return a function from copies of each card (or None: one each) to the figures.

    Parameters
    ----------
    judged : Judged
        The window.
    false_alert : float
        Cost of reviewing a genuine record.
    top_k : int
        Cards reviewed a day.
    days : float
        Length of the window.
    """
    ranking = Ranking(judged.target, judged.score)
    cards = None if judged.card is None else CardRanking(judged.day, judged.card, judged.target, judged.score)
    table = summands(judged, false_alert)

    def figures(copies: np.ndarray | None) -> Figures:
        weight = None if copies is None else weights_of(copies, judged.card)
        counts = ranking.counts(weight)
        found = {"average_precision": average_precision(*counts), "roc_auc": roc_auc(*counts)}
        if cards is not None:
            found[f"card_precision_at_{top_k}"] = cards.precision_at(top_k, copies)
        # Summed without the BLAS, whose order of summation depends on the processor and its threads.
        weighted = table if weight is None else table.mul(weight, axis="index")
        found |= _rates({str(name): float(value) for name, value in weighted.sum().items()}, days)
        return found | {"calibration_error": calibration_error(judged.target, judged.probability, weight)}

    return figures


def summands(judged: Judged, false_alert: float) -> pd.DataFrame:
    """Return, per record, what rates are made from by summing."""
    fraud = judged.target == 1

    def cost(alert: np.ndarray) -> np.ndarray:
        return np.where(fraud, np.where(alert, 0.0, judged.missed), np.where(alert, false_alert, 0.0))

    columns = {
        "records": np.ones(len(fraud)),
        "hits": judged.alert & fraud,
        "alerts": judged.alert,
        "frauds": fraud,
        "right": judged.alert == fraud,
        "error": (judged.probability - judged.target) ** 2,
        "cost": cost(judged.alert),
        "cost_none": cost(np.zeros(len(fraud), bool)),
    }
    if judged.rule is not None:
        columns["cost_rule"] = cost(judged.rule)
    return pd.DataFrame(columns, dtype=np.float64)


def _rates(total: dict[str, float], days: float) -> Figures:
    rates = {
        "recall": _ratio(total["hits"], total["frauds"]),
        "precision": _ratio(total["hits"], total["alerts"]),
        "f1": _ratio(2 * total["hits"], total["frauds"] + total["alerts"]),
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
    """Return the percentile interval of each figure over resamples of cards.

    Parameters
    ----------
    figures : callable
        From `figures_of`.
    units : int
        Number of cards (or of records where there are no cards).
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
