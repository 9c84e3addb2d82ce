"""One picture of an evaluation, drawn from the plot tables: the same bytes for the same tables."""

from pathlib import Path

import pandas as pd

from lifecycle.io import atomic

INK, ACCENT, MUTED = "#24292f", "#0969da", "#8c959f"


def draw(tables: str | Path, threshold: float, target: str | Path) -> None:
    """Draw ranking, calibration and cost as one PNG.

    Parameters
    ----------
    tables : str or Path
        Folder of the plot tables.
    threshold : float
        The score from which an alert is raised.
    target : str or Path
        The PNG.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams |= {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.titleweight": "bold"}
    from matplotlib.figure import Figure

    read = {name: pd.read_csv(Path(tables) / f"{name}.csv") for name in ("precision_recall", "calibration", "cost")}
    figure = Figure(figsize=(10, 3.2), layout="constrained", facecolor="white")
    ranking, calibrated, cost = figure.subplots(1, 3)
    ranking.step(read["precision_recall"]["recall"], read["precision_recall"]["precision"], where="post", color=ACCENT)
    ranking.set(title="Ranking (test window)", xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    calibrated.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    bins = read["calibration"]
    calibrated.scatter(bins["predicted"], bins["observed"], s=4 * bins["records"] ** 0.5, color=ACCENT, alpha=0.7)
    calibrated.set(title="Calibration (test window)", xlabel="predicted probability", ylabel="share of fraud")
    curve = read["cost"]
    cost.plot(curve["threshold"], curve["cost_per_record"], color=ACCENT)
    cost.axvline(threshold, color=INK, linewidth=1, linestyle="--")
    cost.annotate("chosen", (threshold, 0.93), (4, 0), ("data", "axes fraction"), "offset points")
    # Alerting on everything costs so much that nothing else could be seen: the axis ends above "alert on nothing".
    cost.set(title="Cost (validation windows)", xlabel="alert from score", ylabel="cost per record")
    cost.set(xlim=(0, 1), ylim=(0, 1.2 * curve["cost_per_record"].iloc[-1] or None))
    with atomic(target) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
