"""Show what the last `dvc repro` found: figures with their intervals, the baselines, and where the plots are.

Reads   metrics/evaluation.json, metrics/intervals.json, metrics/decision.json
"""

from lifecycle.io import read_json
from lifecycle.stage import run


def lines(evaluation: dict, intervals: dict, decision: dict) -> list[str]:
    """Return the summary, line by line."""
    width = max(len(name) for name in evaluation["test"])
    text = [f"{'test window':<{width}}   figure  95 % interval"]
    for name, value in evaluation["test"].items():
        low, high = intervals["test"].get(name, (None, None))
        between = "" if low is None else f"  {low:.4f} to {high:.4f}"
        text.append(f"{name:<{width}}  {value:7.4f}{between}")
    rivals = ", ".join(f"{name} {value:.3f}" for name, value in evaluation["baseline"].items())
    chosen = decision["decision"]
    return [
        *text,
        f"average precision of the baselines: {rivals}",
        f"alert from a score of {chosen['threshold']:.3f}, a probability of {chosen['probability_at_threshold']:.3f}"
        f" (calibration: {chosen['calibration']})",
        "picture: metrics/evaluation.png; plots: dvc plots show --open; experiments: dvc exp show --only-changed",
    ]


def main() -> None:
    """Print the summary."""
    names = ("evaluation", "intervals", "decision")
    print("\n".join(lines(*(read_json(f"metrics/{name}.json") for name in names))))


if __name__ == "__main__":
    run(main)
