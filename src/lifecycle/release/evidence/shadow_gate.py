"""The gate of the shadow: whether the challenger decides the same records better than the champion.

Only labels that are old enough count, and only whole days: a later look sees the same days again and some more, so
evidence that was enough stays enough. What is read into it, and what is left out, is said in the first checks.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.release_params import ReleaseParams, ShadowGate
from lifecycle.evaluation.tasks.task import Task
from lifecycle.monitoring.decision_log import REQUEST, ROW, TIME
from lifecycle.release.evidence.arm_records import ArmRecords
from lifecycle.release.evidence.e_value import Evidence, e_value_of
from lifecycle.release.evidence.gate_result import Check, GateResult, State, gate_result
from lifecycle.release.evidence.paired_evidence import outcomes, tally
from lifecycle.splits.time_windows import DAY

LEAST_PAIRED = 0.9  # of the champion's records: fewer are not the same records
KEYS = [REQUEST, ROW]


class Span(NamedTuple):
    """The whole days of a trial whose labels are known.

    Parameters
    ----------
    first : pandas.Timestamp
        Midnight of the first whole day.
    days : int
        How many there are; the labels of the last one's records are all old enough.
    """

    first: pd.Timestamp
    days: int

    @property
    def end(self) -> pd.Timestamp:
        """Midnight after the last day."""
        return self.first + self.days * DAY


def matured(since: pd.Timestamp, as_of: pd.Timestamp, delay_days: float, most: int | None = None) -> Span:
    """Return the whole days from a time on whose labels are known at another, at most so many.

    Examples
    --------
    >>> matured(pd.Timestamp("2026-03-01 09:00"), pd.Timestamp("2026-03-12 09:00"), delay_days=7).days  # 2nd to 4th
    3
    """
    first, end = since.ceil("D"), (as_of - pd.Timedelta(days=delay_days)).floor("D")
    days = max(0, (end - first).days)
    return Span(first, days if most is None else min(days, most))


class Pairs(NamedTuple):
    """Records that both models have scored, and how many of the champion's there are at all.

    `table` has `day`, `place`, `target`, and `score`, `code` and `alert` of both, with the endings `_champion` and
    `_challenger`.
    """

    table: pd.DataFrame
    records: int


def pairs_of(found: ArmRecords, labels: pd.DataFrame, target: str, span: Span) -> Pairs:
    """Return the records of a span that the champion has answered and the challenger has scored in its shadow.

    Of records with the same request and row only the first counts: a client may repeat the id of a request.
    """
    table = found.of(["champion", "shadow"], span.first, span.end).records.drop_duplicates([*KEYS, "arm"])
    champion, shadow = (table[table["arm"] == arm] for arm in ("champion", "shadow"))
    scored = shadow[[*KEYS, "score", "code", "alert"]]
    both = champion.merge(scored, on=KEYS, suffixes=("_champion", "_challenger"))
    both = both.merge(labels[[*KEYS, target]].rename(columns={target: "target"}), how="left", on=KEYS)
    day = ((both[TIME] - span.first) // DAY).astype(np.int64)
    return Pairs(both.assign(day=day, target=both["target"].astype(np.float64)), len(champion))


def shadow_gate(
    params: ReleaseParams,
    found: ArmRecords,
    labels: pd.DataFrame,
    task: Task,
    delay_days: float,
    period: tuple[pd.Timestamp, pd.Timestamp],
) -> GateResult:
    """Judge a challenger by its shadow.

    It passes when the evidence that it is better has reached `shadow.e_value` on some day, and is refused when the
    evidence that it is worse has, or when neither has after `shadow.max_days` days: the champion stays. Before that it
    waits. It also waits until there are as many days with labels as a label takes to come.

    Parameters
    ----------
    params : ReleaseParams
        Block `release` of params.yaml.
    found : ArmRecords
        The decision log.
    labels : pandas.DataFrame
        Of `lifecycle.monitoring.label_file.read_labels`.
    task : Task
        Kind of target, of the problem.
    delay_days : float
        Until a label is known.
    period : (pandas.Timestamp, pandas.Timestamp)
        When the shadow began, and now.
    """
    span = matured(*period, delay_days, params.shadow.max_days)
    needed = max(1, math.ceil(delay_days))
    if span.days < needed:
        sentence = f"{span.days} whole days with labels, {needed} are needed: a label takes {delay_days:g} days."
        return gate_result([Check("days", span.days, needed, "waits", sentence)])
    pairs = pairs_of(found, labels, task.problem.target, span)
    checks = [_paired(pairs), _labelled(pairs)]
    if len(pairs.table):
        checks.append(_better(pairs.table, task, params.shadow, span.days))
    return gate_result(checks)


def _paired(pairs: Pairs) -> Check:
    share = len(pairs.table) / pairs.records if pairs.records else math.nan
    state: State = "passes" if share >= LEAST_PAIRED else "unknown"
    sentence = (
        f"{len(pairs.table):,} of the champion's {pairs.records:,} records were scored by the challenger too; at least"
        f" {LEAST_PAIRED:.0%} are needed."
    )
    return Check("paired", share, LEAST_PAIRED, state, sentence)


def _labelled(pairs: Pairs) -> Check:
    known = int(pairs.table["target"].notna().sum())
    sentence = f"{known:,} of these {len(pairs.table):,} records have a label; the others tell nothing."
    return Check("labelled", known, 1, "passes" if known else "unknown", sentence)


def _better(table: pd.DataFrame, task: Task, params: ShadowGate, days: int) -> Check:
    outcome, day = outcomes(table, task.name), table["day"].to_numpy()
    counted = tally(outcome, day, table["place"].to_numpy(), days)
    evidence = counted.evidence(params.prior)
    state, at = _state(evidence, params, days)
    figure = e_value_of(evidence.above[at], evidence.below[at])
    side = "better" if evidence.above[at] >= evidence.below[at] else "worse"
    of = int((table["target"] == 1).sum()) if task.name == "binary" else int(table["target"].notna().sum())
    counts = f"{int(counted.wins[at]):,} to {int(counted.losses[at]):,}"
    end = {"passes": "", "waits": "; more days may tell"}.get(state, "; the champion stays")
    sentence = (
        f"After {at + 1} days the challenger alone is right on {counts} entities or records of their own on which the"
        f" champion alone is, {outcome.sum() / max(of, 1):+.1%} of all {of:,}: e = {figure:.4g} that it is {side}, and"
        f" {params.e_value:g} decides{end}."
    )
    return Check("better", figure, params.e_value, state, sentence)


def _state(evidence: Evidence, params: ShadowGate, days: int) -> tuple[State, int]:
    """Return the state, and the day that it comes from: the first on which either side is decided, or the last."""
    limit = math.log(params.e_value)
    decided = np.flatnonzero((evidence.above >= limit) | (evidence.below >= limit))
    if len(decided):
        at = int(decided[0])
        return ("passes" if evidence.above[at] >= limit else "refuses"), at
    return ("refuses" if days >= params.max_days else "waits"), days - 1
