"""What `compare.py` tells of its measurements: figures by server, and ratios. Not run by itself.

`markdown_tables.py` writes them for a page.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.serving.load import Load
from benchmarks.serving.pace import Paced
from benchmarks.serving.protocols import MANY
from benchmarks.serving.servers import SERVICE

DECIMALS = {"requests/s": 0, "CPU us": 0, "rows/s": 0, "MB": 0, "environment MB": 0}
# Not the environment: that of a peer holds what each of its settings needs.
LESS = {"CPU us": "CPU", "p99 ms": "p99", "start s": "start", "MB": "memory"}


class Round(NamedTuple):
    """What one round shows of a server: one row, many rows, one row at a fixed rate; MB that it holds afterwards."""

    one: Load
    many: Load | None
    paced: Paced
    resident: float


class Measured(NamedTuple):
    """All that was measured of a server: seconds until its first answers, its rounds, MB of its environment."""

    starts: Sequence[float]
    rounds: Sequence[Round]
    environment: float


def figures(measured: Mapping[str, Measured]) -> pd.DataFrame:
    """Return medians over rounds, a row for each server; of memory and refusals the most."""
    return pd.DataFrame({name: _figures(each) for name, each in measured.items()}).T


def _figures(measured: Measured) -> dict[str, float]:
    rounds = measured.rounds
    one, many = [each.one for each in rounds], [each.many for each in rounds if each.many is not None]
    return of_loads(one) | {
        "rows/s": median(load.rate for load in many) * MANY if many else np.nan,
        "refused %": max(load.refused for load in (*one, *many)) * 100,
        "paced p50": median(each.paced.p50 for each in rounds),
        "paced p99": median(each.paced.p99 for each in rounds),
        "paced p99.9": median(each.paced.p999 for each in rounds),
        "start s": median(measured.starts),
        "MB": max(each.resident for each in rounds),
        "environment MB": measured.environment,
    }


def of_loads(loads: Sequence[Load]) -> dict[str, float]:
    """Return medians of what a server did under load; of refusals the most."""
    rate, cpu, p50, p99, _ = (median(values) for values in zip(*loads, strict=True))
    refused = max(load.refused for load in loads) * 100
    return {"requests/s": rate, "CPU us": cpu, "p50 ms": p50, "p99 ms": p99, "refused %": refused}


def shown(table: pd.DataFrame) -> str:
    """Return figures in lines; a server that could not keep up with a fixed rate is "behind"."""

    def written(column: pd.Series) -> pd.Series:
        decimals = DECIMALS.get(str(column.name), 2)
        return column.map(lambda value: "behind" if np.isinf(value) else f"{value:,.{decimals}f}").mask(
            column.isna(), "-"
        )

    return table.apply(written).to_string()


def ratios(table: pd.DataFrame) -> str:
    """Return in lines how many times better this service is than each other server."""
    own, others = table.loc[SERVICE], table.drop(index=SERVICE)
    found = {name: own[name] / others[name] for name in ("requests/s", "rows/s")}
    found |= {words: others[name] / own[name] for name, words in LESS.items()}
    return pd.DataFrame(found).map("{:,.3g}".format).replace("nan", "-").to_string()
