"""Pictures of an evaluation and of an explanation, drawn from plot tables: the same bytes for the same tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.core.atomic import atomic
from lifecycle.core.prediction_quality import HEADLINES
from lifecycle.problem.problem import Task
from lifecycle.problem.purpose import Words

INK, ACCENT, MUTED = "#24292f", "#0969da", "#8c959f"
MOST_FEATURES = 12
MOST_CLASSES = 4  # that have a panel of contributions each
LOW_TO_HIGH = ["#54aeff", "#8250df", "#cf222e"]


def draw_binary(tables: Path, costs: str | Path, threshold: float, words: Words, target: Path) -> None:
    """Draw ranking and calibration from the tables in a folder, and cost by threshold from its own, as one PNG."""
    curve, bins = (pd.read_csv(tables / f"{name}.csv") for name in ("precision_recall", "calibration"))
    figure = _figure(10, 3.2)
    ranking, calibrated, cost = figure.subplots(1, 3)
    ranking.step(curve["recall"], curve["precision"], where="post", color=ACCENT)
    ranking.set(title="Ranking (test window)", xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    calibrated.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    calibrated.scatter(bins["predicted"], bins["observed"], s=4 * bins["records"] ** 0.5, color=ACCENT, alpha=0.7)
    calibrated.set(
        title="Calibration (test window)", xlabel="predicted probability", ylabel=f"share of {words.positive}"
    )
    by_threshold = pd.read_csv(costs)
    cost.plot(by_threshold["threshold"], by_threshold["cost_per_record"], color=ACCENT)
    cost.axvline(threshold, color=INK, linewidth=1, linestyle="--")
    cost.annotate("chosen", (threshold, 0.93), (4, 0), ("data", "axes fraction"), "offset points")
    # Alerting on everything costs so much that nothing else could be seen: the axis ends above "alert on nothing".
    cost.set(title="Cost (validation windows)", xlabel="alert from score", ylabel="cost per record")
    cost.set(xlim=(0, 1), ylim=(0, 1.2 * by_threshold["cost_per_record"].iloc[-1] or None))
    _save(figure, target)


def draw_multiclass(tables: Path, abstaining: str | Path, level: float | None, target: Path) -> None:
    """Draw the shares of decisions by class, the calibration of each class, and accuracy by abstaining, as one PNG."""
    # A class may be called NA or None: its name is no missing value.
    confusion, bins = (
        pd.read_csv(tables / f"{name}.csv", dtype={"actual": str, "decided": str}, keep_default_na=False)
        for name in ("class_confusion", "class_calibration")
    )
    figure = _figure(11, 3.6)
    grid, calibrated, kept = figure.subplots(1, 3)
    _class_confusion(grid, confusion.pivot_table("records", "actual", "decided", sort=False))
    _class_calibration(calibrated, bins)
    _abstaining(kept, pd.read_csv(abstaining), level or 0.0)
    _save(figure, target)


def _class_confusion(axes: Any, counts: pd.DataFrame) -> None:
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(counts.columns)), counts.columns, rotation=30, ha="right")
    axes.set_yticks(range(len(counts)), counts.index)
    for (row, column), share in np.ndenumerate(shares.to_numpy()):
        records = f"{counts.to_numpy()[row, column]:,.0f}"
        axes.text(column, row, records, ha="center", va="center", color="white" if share > 0.5 else INK)
    axes.set(title="Records (test window)", xlabel="decided", ylabel="true class")


def _class_calibration(axes: Any, bins: pd.DataFrame) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    for name, own in bins.groupby("actual", sort=False):
        axes.plot(own["predicted"], own["observed"], marker="o", markersize=4, linewidth=1, label=name)
    axes.set(title="Calibration (test window)", xlabel="predicted probability", ylabel="share of the class")
    axes.legend(frameon=False, fontsize=8)


def _abstaining(axes: Any, levels: pd.DataFrame, level: float) -> None:
    axes.plot(levels["abstain_rate"], levels["accuracy_of_the_rest"], color=ACCENT, marker=".")
    chosen = levels[levels["abstain_below"] <= level].tail(1)
    axes.scatter(chosen["abstain_rate"], chosen["accuracy_of_the_rest"], color=INK, zorder=3)
    axes.set(title="Abstaining (validation)", xlabel="share left to a person", ylabel="accuracy on the rest")


def draw_regression(tables: Path, widths: str | Path, decision: Any, target: Path) -> None:
    """Draw predictions beside truths, residuals, and the interval's half-width by coverage, as one PNG."""
    points, residuals = (pd.read_csv(tables / f"{name}.csv") for name in ("predicted_actual", "residuals"))
    figure = _figure(10, 3.2)
    pairs, errors, intervals = figure.subplots(1, 3)
    _predicted_actual(pairs, points, decision)
    _residuals(errors, residuals)
    _half_width(intervals, pd.read_csv(widths), decision)
    _save(figure, target)


def _predicted_actual(axes: Any, points: pd.DataFrame, decision: Any) -> None:
    ends, reach = np.array([points.min(axis=None), points.max(axis=None)]), decision.half_width
    axes.plot(ends, ends, color=MUTED, linewidth=1, linestyle=":")
    axes.fill_between(ends, ends - reach, ends + reach, color=ACCENT, alpha=0.12, linewidth=0)
    axes.scatter(points["predicted"], points["actual"], s=8, color=ACCENT, alpha=0.6)
    axes.set(title=f"{100 * decision.coverage:g} % intervals (test window)", xlabel="predicted", ylabel="actual")


def _residuals(axes: Any, residuals: pd.DataFrame) -> None:
    axes.bar(residuals["residual"], residuals["records"], width=residuals["residual"].diff().iloc[-1], color=ACCENT)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set(title="Residuals (test window)", xlabel="actual less predicted", ylabel="records")


def _half_width(axes: Any, by_coverage: pd.DataFrame, decision: Any) -> None:
    axes.plot(by_coverage["coverage"], by_coverage["half_width"], color=ACCENT, marker=".")
    axes.scatter([decision.coverage], [decision.half_width], color=INK, zorder=3)
    axes.set(title="Half-width (validation)", xlabel="coverage", ylabel="half-width")


def draw_explanation(tables: str | Path, task: Task, unit: str | None, target: str | Path) -> None:
    """Draw importance, contributions (in their unit, or None where there are none) and dependence, as one PNG.

    Of several classes the first few have contributions in a panel each, and each class has a line of dependence.
    """
    names = ("importance", "contribution_summary", "partial_dependence")
    importance, dots, dependence = (pd.read_csv(Path(tables) / f"{name}.csv") for name in names)
    shown = importance.nlargest(MOST_FEATURES, "importance").iloc[::-1].set_index("feature")
    classes = list(dots["output"].unique()[:MOST_CLASSES]) if "output" in dots else [None]
    figure = _figure(5.5 + 5.5 * len(classes) ** 0.5, 3.4 + 0.25 * len(shown))
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[1 + 0.25 * len(shown), 2])[:, 0]
    left, *others = above.subplots(1, 1 + len(classes), sharey=True)
    _importance(left, shown, task)
    for axes, name in zip(others, classes, strict=True):
        own = dots if name is None else dots[dots["output"] == name]
        _contributions(axes, own, list(shown.index), unit, "a score" if name is None else str(name))
    curves = list(dependence.groupby("feature", sort=False))
    panels = below.subplots(1, max(1, len(curves)), sharey=True, squeeze=False)[0]
    for panel, (name, curve) in zip(panels, curves, strict=False):
        lines = curve.groupby("output", sort=False) if "output" in curve else [(None, curve)]
        for output, line in lines:
            colour = {"color": ACCENT} if output is None else {"label": output}
            panel.plot(line["value"], line["score"], marker=".", markersize=4, **colour)
        panel.set(xlabel=name)
    if "output" in dependence and curves:
        panels[0].legend()
    panels[0].set(ylabel="mean score")
    panels[0].set_title("Dependence: one feature set to a value in all rows", loc="left")
    _save(figure, target)


def _figure(width: float, height: float) -> Any:
    """Return an empty figure of that size in inches, in the style of all pictures."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams |= {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.titleweight": "bold"}
    mpl.rcParams["text.parse_math"] = False  # a dollar sign in a class's name is a dollar sign
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def _save(figure: Any, target: str | Path) -> None:
    with atomic(target) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})


def _importance(axes: Any, shown: pd.DataFrame, task: Task) -> None:
    places = range(len(shown))
    axes.barh(places, shown["importance"], color=ACCENT, height=0.6)
    axes.hlines(places, shown["low"], shown["high"], color=INK, linewidth=1.5)
    axes.set_yticks(places, shown.index)
    figure, way = HEADLINES[task].name.replace("_", " "), "lost" if HEADLINES[task].direction > 0 else "added"
    axes.set(title="Importance (test window, 95 % interval)", xlabel=f"{figure} {way} when shuffled")


def _contributions(axes: Any, dots: pd.DataFrame, names: list[str], unit: str | None, output: str) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    if unit is None:
        axes.set(title=f"What it adds to {output}", xticks=[])
        axes.text(0.5, 0.5, "not known exactly:\nneither trees nor coefficients", ha="center", transform=axes.transAxes)
        return
    # Text has no order: muted.
    colours = LinearSegmentedColormap.from_list("low to high", LOW_TO_HIGH).with_extremes(bad=MUTED)
    axes.axvline(0, color=MUTED, linewidth=1)
    for place, name in enumerate(names):
        own = dots[dots["feature"] == name]
        # Spread evenly, and without a random number: by the multiples of an irrational one.
        height = place + 0.5 * ((pd.RangeIndex(len(own)) * 0.7549) % 1 - 0.5)
        drawn = axes.scatter(
            own["contribution"], height, c=own["level"], cmap=colours, vmin=0, vmax=1, s=5, plotnonfinite=True
        )
    bar = axes.figure.colorbar(drawn, ax=axes, ticks=[0, 1], aspect=40, pad=0.01)
    bar.ax.set_yticklabels(["low", "high"])
    bar.set_label("value", labelpad=-12)
    axes.set(title=f"What it adds to {output}", xlabel=unit)
