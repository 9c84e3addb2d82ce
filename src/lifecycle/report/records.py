"""What has changed in the data: counts, the hash of the raw records, and the drift of each feature."""

from lifecycle.report.changes import out_hash
from lifecycle.report.document import Block, Code, table, text
from lifecycle.report.drift import LARGE, SMALL, drift
from lifecycle.report.revision import Workspace

RAW, TRAIN = "data/raw/records.parquet", "data/splits/train.parquet"


def data(base: Workspace, head: Workspace) -> tuple[Block, ...]:
    """Return the section's blocks."""
    sides = [side.json("metrics/data_quality.json").get("data", {}) for side in (base, head)]
    hashes = [out_hash(side.yaml("dvc.lock"), RAW) for side in (base, head)]
    rows: list[tuple[str, ...]] = []
    for key in dict.fromkeys((*sides[1], *sides[0])):
        before, after = (side.get(key) for side in sides)
        rows.append((key.replace("_", " "), _count(before), _count(after), "" if before == after else "changed"))
    same = "" if hashes[0] == hashes[1] else "changed"
    rows.append(("hash of the raw records", *(Code(found[:8]) if found else "-" for found in hashes), same))
    return table(("records", "base", "head", "change"), rows), *_drift(base, head)


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "-" if value is None else str(value)


def _drift(base: Workspace, head: Workspace) -> tuple[Block, ...]:
    contract, train = base.json("models/features.json"), head.table(TRAIN)
    if not contract or train is None:
        missing = "the base's models/features.json" if not contract else f"the workspace's {TRAIN}"
        return (text(f"Drift of the features is not known: {missing} is not there."),)
    rows = [(Code(name), f"{value:.3f}", _size(value)) for name, value in drift(contract, train).items()]
    about = text(
        "Population stability index of the training rows, in the bins of the base's quantiles: from",
        f" {SMALL:g} a moderate, from {LARGE:g} a large shift (Siddiqi 2006).",
    )
    return table(("feature", "index", "shift"), rows, most=12), about


def _size(index: float) -> str:
    return "large" if index >= LARGE else "moderate" if index >= SMALL else ""
