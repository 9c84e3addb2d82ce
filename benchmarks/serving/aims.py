"""What the service shall reach in the same run as its peers. Not run by itself; `compare.py` prints it."""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from benchmarks.serving.servers import CONSTANT, FLASK, GUNICORN, PEERS, SERVICE, STRONGEST

USUAL = {FLASK: 100, "MLflow": 100, "BentoML": 100, "KServe": 100, GUNICORN: 90, CONSTANT: 0.35}
TIMES = USUAL | {peer.name: 1 for peer in PEERS if peer.name.endswith(STRONGEST)}
BELOW = {
    "p99 ms": (2.0, "ms, 99th percentile, as fast as it goes"),
    "paced p99": (1.5, "ms, 99th percentile, at a fixed rate"),
    "start s": (1.0, "s from its start to its first answer"),
    "MB": (150, "MB resident"),
    "environment MB": (160, "MB of environment"),
    "refused %": (0, "% of requests refused"),
}
ONLINE_RATE, ONLINE_P99 = 4_000, 5.0


class Aim(NamedTuple):
    """A figure that was measured, what it is, and whether it is what it shall be."""

    words: str
    value: float
    bound: str
    met: bool

    @classmethod
    def above(cls, words: str, value: float, bound: float) -> "Aim":
        """Return an aim that is met from a bound on."""
        return cls(words, value, f"at least {bound:g}", value >= bound)

    @classmethod
    def below(cls, words: str, value: float, bound: float) -> "Aim":
        """Return an aim that is met up to a bound."""
        return cls(words, value, f"at most {bound:g}", value <= bound)


def aims(table: pd.DataFrame, online: pd.Series | None) -> Iterator[Aim]:
    """Yield the aims.

    Parameters
    ----------
    table : pandas.DataFrame
        As `figures.figures` gives it; an aim against a server that is not in it is left out.
    online : pandas.Series or None
        Figures of one worker that is asked to score raw transactions.
    """
    rate = table["requests/s"]
    for name, times in TIMES.items():
        if name in rate:
            yield Aim.above(f"times the requests per second of: {name}", rate[SERVICE] / rate[name], times)
    for column, (bound, words) in BELOW.items():
        yield Aim.below(words, table[column][SERVICE], bound)
    if online is not None:
        yield Aim.above("requests per second with online features", online["requests/s"], ONLINE_RATE)
        yield Aim.below("ms, 99th percentile, with online features", online["p99 ms"], ONLINE_P99)
        yield Aim.below("% of requests refused, with online features", online["refused %"], 0)


def shown(found: list[Aim]) -> str:
    """Return them in lines."""
    rows = [(f"{aim.value:,.3g}", aim.words, aim.bound, "met" if aim.met else "MISSED") for aim in found]
    return pd.DataFrame(rows, columns=["measured", "what", "aim", "result"]).to_string(index=False)
