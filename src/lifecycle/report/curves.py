"""The curves that two versions have in git, and in figures what the main one says."""

import pandas as pd

from lifecycle.report.document import Table, table
from lifecycle.report.drawing import TITLES, Curves
from lifecycle.report.revision import Workspace

POINTS = (0.5, 0.6, 0.7, 0.8, 0.9)  # of recall, at which precision is told in figures


def curves(side: Workspace) -> dict[str, pd.DataFrame]:
    """Return the plot tables that a version has."""
    found = {name: side.csv(f"metrics/plots/{name}.csv") for name in TITLES}
    return {name: content for name, content in found.items() if content is not None and len(content)}


def at_points(base: Curves, head: Curves) -> Table:
    """Return the precision of both at a few recalls: the picture's main curve for those who read text."""
    rows = []
    for recall in POINTS:
        values = [_precision_at(side.get("precision_recall"), recall) for side in (base, head)]
        rows.append((f"{recall:.0%}", *("-" if value is None else f"{value:.1%}" for value in values)))
    return table(("at a recall of", "precision, base", "precision, head"), rows)


def _precision_at(content: pd.DataFrame | None, recall: float) -> float | None:
    reached = content[content["recall"] >= recall] if content is not None else pd.DataFrame()
    return float(reached["precision"].iloc[0]) if len(reached) else None
