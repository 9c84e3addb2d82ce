"""Draw the curves of two versions over each other, for a light and a dark page: same tables, same bytes."""

import io
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.document.markdown_template import Picture
from lifecycle.repository.revision_files import Workspace

POINTS = (0.5, 0.6, 0.7, 0.8, 0.9)  # values of recall at which the report gives the precision


class Curve(NamedTuple):
    """A plot table that a stage writes, whatever the kind of target is, and how it is drawn."""

    stage: str
    title: str
    labels: tuple[str, str]  # of the axes
    columns: tuple[str, str]  # along the axes
    text: tuple[str, ...] = ()  # columns of names, which may look like numbers


CURVES = {  # by the name of the table
    "precision_recall": Curve("evaluate", "Precision and recall", ("recall", "precision"), ("recall", "precision")),
    "roc": Curve(
        "evaluate",
        "ROC",
        ("share of the negative flagged", "share of the positive flagged"),
        ("false_positive_rate", "recall"),
    ),
    "calibration": Curve(
        "evaluate", "Calibration", ("predicted probability", "observed share"), ("predicted", "observed")
    ),
    "cost": Curve(
        "decide",
        "Cost (validation windows)",
        ("alert from score", "cost per record"),
        ("threshold", "cost_per_record"),
    ),
    "class_calibration": Curve(
        "evaluate",
        "Calibration of all classes",
        ("predicted probability", "observed share"),
        ("predicted", "observed"),
        ("actual",),
    ),
    "class_confusion": Curve(
        "evaluate", "Recall by class", ("share decided rightly", ""), ("share", "actual"), ("actual", "decided")
    ),
    "abstaining": Curve(
        "decide",
        "Abstaining (validation)",
        ("share left to a person", "accuracy on the rest"),
        ("abstain_rate", "accuracy_of_the_rest"),
    ),
    "predicted_actual": Curve("evaluate", "Prediction and truth", ("predicted", "actual"), ("predicted", "actual")),
    "residuals": Curve("evaluate", "Residuals", ("actual less predicted", "records"), ("residual", "records")),
    "half_width": Curve("decide", "Half-width (validation)", ("coverage", "half-width"), ("coverage", "half_width")),
}
DOTTED = ("calibration", "class_calibration", "predicted_actual")
Curves = Mapping[str, pd.DataFrame]


def curves(side: Workspace) -> dict[str, pd.DataFrame]:
    """Return the plot tables that a version has, by name."""
    tables = {name: side.csv(f"metrics/{curve.stage}/{name}.csv", curve.text) for name, curve in CURVES.items()}
    return {name: content for name, content in tables.items() if content is not None and len(content)}


def at_points(base: Curves, head: Curves) -> list[tuple[str, ...]]:
    """Return the precision of both versions at a few values of recall, as rows of text."""
    rows = []
    for recall in POINTS:
        values = [_precision_at(side.get("precision_recall"), recall) for side in (base, head)]
        rows.append((f"{recall:.0%}", *("-" if value is None else f"{value:.1%}" for value in values)))
    return rows


def _precision_at(content: pd.DataFrame | None, recall: float) -> float | None:
    reached = content[content["recall"] >= recall] if content is not None else pd.DataFrame()
    return float(reached["precision"].iloc[0]) if len(reached) else None


class Theme(NamedTuple):
    """Colours of a picture: GitHub's own, so that it looks like part of the page."""

    paper: str
    ink: str
    soft: str
    base: str
    head: str


LIGHT = Theme("#ffffff", "#1f2328", "#818b98", "#bc4c00", "#0969da")
DARK = Theme("#0d1117", "#f0f6fc", "#9198a1", "#f0883e", "#58a6ff")


def pictures(base: Curves, head: Curves) -> list[Picture]:
    """Draw each table that one of the versions has, both versions in one picture."""
    return [
        Picture(
            name.replace("_", "-"),
            f"{curve.title}, base and head",
            *(_draw(name, (base, head), theme) for theme in (LIGHT, DARK)),
        )
        for name, curve in CURVES.items()
        if name in base or name in head
    ]


def _style(theme: Theme) -> dict[Any, Any]:
    return {
        "font.size": 9,
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters everywhere
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titleweight": "bold",
        "axes.facecolor": theme.paper,
        "axes.titlecolor": theme.ink,
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), theme.ink),
        "axes.edgecolor": theme.soft,
    }


def _draw(name: str, sides: tuple[Curves, Curves], theme: Theme) -> bytes:
    import matplotlib as mpl

    with mpl.rc_context(_style(theme)):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4.4, 3.6), layout="constrained", facecolor=theme.paper)
        axes = figure.subplots()
        x, y = CURVES[name].labels
        axes.set(title=CURVES[name].title, xlabel=x, ylabel=y)
        for side, tables in zip(("base", "head"), sides, strict=True):
            if name in tables:
                _line(axes, name, tables[name], side, theme)
        _frame(axes, name, [tables[name] for tables in sides if name in tables], theme)
        if axes.get_legend_handles_labels()[0]:
            figure.legend(loc="outside lower center", ncols=2, frameon=False)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=200, metadata={"Software": None})
    return content.getvalue()


def _line(axes: Any, name: str, content: pd.DataFrame, side: str, theme: Theme) -> None:
    # Dashes over a solid line: equal curves show both, also to those who don't see colours.
    style = {"label": side, "color": getattr(theme, side), "linestyle": "-" if side == "base" else (0, (4, 2))}
    style |= {"linewidth": 2.4 if side == "base" else 1.8}
    x, y = CURVES[name].columns
    if name == "precision_recall":
        axes.step([0, *content[x]], [content[y].iloc[0], *content[y]], where="pre", **style)
    elif name == "residuals":
        axes.step(content[x], content[y], where="mid", **style)
    elif name == "class_confusion":
        _bars(axes, content, side, style["color"])
    elif name in DOTTED:
        # A ring for the base, a dot inside for the head; a bin of many records is larger.
        face = {"facecolors": "none"} if side == "base" else {"alpha": 0.8}
        size = np.clip(6 * content["records"] ** 0.4, 12, 200) if "records" in content else 12
        axes.scatter(content[x], content[y], s=size, label=side, color=style["color"], **face)
    else:
        axes.plot(content[x], content[y], **style)


def _bars(axes: Any, confusion: pd.DataFrame, side: str, colour: str) -> None:
    """Draw the share of each class that is decided as it, the base's bar above the head's."""
    total = confusion.groupby("actual", sort=False)["records"].sum()
    hits = confusion[confusion["actual"] == confusion["decided"]].set_index("actual")["records"]
    places = np.arange(len(total)) + (-0.2 if side == "base" else 0.2)
    axes.barh(places, (hits / total).reindex(total.index).to_numpy(), height=0.4, color=colour, label=side)
    axes.set_yticks(np.arange(len(total)), total.index)


def _frame(axes: Any, name: str, tables: list[pd.DataFrame], theme: Theme) -> None:
    guide = {"color": theme.soft, "linewidth": 1, "linestyle": ":"}
    if name in ("roc", "calibration", "class_calibration"):
        axes.plot([0, 1], [0, 1], **guide)
    if name == "cost":
        # Ends above "alert on nothing": alerting on everything costs so much that nothing else could be seen.
        never = max((content["cost_per_record"].iloc[-1] for content in tables), default=0.0)
        axes.set(xlim=(0, 1), ylim=(0, 1.2 * never or None))
    elif name in ("precision_recall", "roc"):
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
    elif name == "predicted_actual":
        axes.axline((tables[0]["predicted"].iloc[0],) * 2, slope=1, **guide)
    elif name == "class_confusion":
        axes.set(xlim=(0, 1))
        axes.invert_yaxis()
    elif name in ("residuals", "half_width"):
        axes.set(ylim=(0, None))
