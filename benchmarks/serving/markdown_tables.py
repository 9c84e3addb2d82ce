"""What `compare.py` measured, as tables for docs/serving.md. Not run by itself."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmarks.serving.figures import DECIMALS
from benchmarks.serving.servers import SERVICE, STRONGEST
from lifecycle.document.markdown_template import Markdown
from lifecycle.document.markdown_template import table as written

COLUMNS = {
    "requests/s": ("requests/s",),
    "CPU, us": ("CPU us",),
    "p50 / p99, ms": ("p50 ms", "p99 ms"),
    "p99 at 200/s, ms": ("paced p99",),
    "rows/s, 100 a request": ("rows/s",),
    "first answer, s": ("start s",),
    "MB": ("MB",),
}
NOT_MEASURED = "not measured"


def figures_table(head: str, table: pd.DataFrame, left_out: Mapping[str, str]) -> Markdown:
    """Return figures, a line for each server, also for those that were left out.

    Parameters
    ----------
    head : str
        Over the names.
    table : pandas.DataFrame
        As `figures.figures` gives it; a column that it lacks is left out.
    left_out : mapping of str to str
        Why a server is not in the table, by its name.
    """
    columns = {title: names for title, names in COLUMNS.items() if set(names) <= set(table)}
    rows = [[name, *(cell(figures, names) for names in columns.values())] for name, figures in table.iterrows()]
    rows += [[name, NOT_MEASURED, *[""] * (len(columns) - 1)] for name in left_out]
    return written([head, *columns], rows, most=len(rows))


def cell(figures: pd.Series, names: tuple[str, ...]) -> str:
    """Return figures as the cell of a table; nothing where there are none.

    Examples
    --------
    >>> cell(pd.Series({"p50 ms": 0.541, "p99 ms": 12.6, "rows/s": np.nan}), ("p50 ms", "p99 ms"))
    '0.54 / 13'
    """
    return " / ".join(_shown(float(figures[name]), DECIMALS.get(name, 2)) for name in names if figures[name] >= 0)


def _shown(value: float, decimals: int) -> str:
    if np.isinf(value):
        return "behind"
    return f"{value:,.{decimals if value < 10 else 0}f}"


def parts_table(table: pd.DataFrame) -> Markdown:
    """Return how many times a peer's requests this service answers, and which part of that is the model in ONNX.

    The ratio against the usual setting is the product of the two that follow: the peer's strongest setting against its
    usual one, and this service against the strongest. A peer with a single setting has no line.
    """
    rate, own = table["requests/s"], table.loc[SERVICE]
    header = ["peer", "this service / usual", "of it ONNX: strongest / usual", "the rest: this service / strongest"]
    header += ["the rest in CPU", "the rest, 100 rows a request"]
    rows = []
    for peer in (name for name in table.index if name + STRONGEST in table.index):
        strongest = table.loc[peer + STRONGEST]
        ratios = [own["requests/s"] / rate[peer], strongest["requests/s"] / rate[peer]]
        ratios += [own["requests/s"] / strongest["requests/s"], strongest["CPU us"] / own["CPU us"]]
        rows.append([peer, *(f"{value:,.3g}" for value in (*ratios, own["rows/s"] / strongest["rows/s"]))])
    return written(header, rows, most=len(rows))
