"""The gate of an A/B test: whether the challenger's answers bring about more of what is wanted.

An entity counts once, with the first of its records, on that record's day. It is a success when the label of that
record is positive.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.release_params import Experiment, ReleaseParams
from lifecycle.monitoring.decision_log import REQUEST, ROW, TIME
from lifecycle.release.evidence.arm_records import ARMS, ArmRecords, arms_of
from lifecycle.release.evidence.canary_gate import FAILED
from lifecycle.release.evidence.e_value import e_value_of
from lifecycle.release.evidence.gate_result import Check, GateResult, State, gate_result
from lifecycle.release.evidence.sequential_test import Trial, guard_evidence, plan, rate_evidence, ratio_evidence
from lifecycle.release.evidence.shadow_gate import Span, matured
from lifecycle.splits.time_windows import DAY

RATIO_ALPHA = 0.001  # of a false alarm on the sample ratio, which ends a test for good


class Guard(NamedTuple):
    """Entities of each arm that have met an event for the first time, by day, each of shape (days,)."""

    champion: np.ndarray
    challenger: np.ndarray


def trial_of(found: ArmRecords, labels: pd.DataFrame, target: str, span: Span) -> Trial:
    """Return the entities of each day of a span by arm, and those of them that are a success."""
    table = found.of(ARMS, span.first, span.end).records
    challenger, unit = arms_of(table)
    first = table.assign(challenger=challenger, unit=unit).drop_duplicates("unit")
    keys = [REQUEST, ROW]
    known = labels.drop_duplicates(keys).set_index(keys)[target]
    success = known.reindex(pd.MultiIndex.from_frame(first[keys])).to_numpy(np.float64) == 1
    day, arm = ((first[TIME] - span.first) // DAY).to_numpy(np.int64), first["challenger"].to_numpy()
    parts = (~arm, ~arm & success, arm, arm & success)
    return Trial(*(np.bincount(day[part], minlength=span.days) for part in parts))


def guard_of(requests: pd.DataFrame, event: np.ndarray, span: Span) -> Guard:
    """Return the entities that have met an event, on the day on which they first did.

    `requests` are those of both arms, and `event` (n,) says which of them have it.
    """
    challenger, unit = arms_of(requests)
    first = requests.assign(challenger=challenger, unit=unit)[event].drop_duplicates("unit")
    day = ((first[TIME] - span.first) // DAY).to_numpy(np.int64)
    arm = first["challenger"].to_numpy(dtype=bool)
    return Guard(*(np.bincount(day[part], minlength=span.days) for part in (~arm, arm)))


def experiment_gate(
    params: ReleaseParams,
    found: ArmRecords,
    labels: pd.DataFrame,
    target: str,
    delay_days: float,
    period: tuple[pd.Timestamp, pd.Timestamp],
) -> GateResult:
    """Judge a challenger by an A/B test.

    It passes when the e-value of a higher rate has reached 1 / `ab.alpha`, and is refused when that of a lower one has,
    when neither has after `ab.max_days` days, when a guard is worse than its margin, or when the arms do not have the
    sizes that they should. Guards are failed requests and answers slower than `canary.slow_ms`, by entity.

    Parameters
    ----------
    params : ReleaseParams
        Block `release` of params.yaml.
    found : ArmRecords
        The decision log.
    labels : pandas.DataFrame
        Of `lifecycle.monitoring.label_file.read_labels`.
    target : str
        Column of the labels, 1 for a success.
    delay_days : float
        Until a label is known.
    period : (pandas.Timestamp, pandas.Timestamp)
        When the test began, and now.
    """
    test, span = params.ab, matured(*period, delay_days, params.ab.max_days)
    if not span.days:
        sentence = f"No whole day with labels yet: a label takes {delay_days:g} days."
        return gate_result([Check("days", 0, 1, "waits", sentence)])
    trial = trial_of(found, labels, target, span)
    for arm, entities in (("champion", trial.champion), ("challenger", trial.challenger)):
        if not entities.sum():
            sentence = f"The {arm} has met no entity in {span.days} days: no data is no health."
            return gate_result([Check(f"{arm} entities", 0, 1, "unknown", sentence)])
    requests = found.of(ARMS, span.first, span.end).requests
    events = {
        "errors": (requests["status"] >= FAILED).to_numpy(),
        "slow answers": (requests["milliseconds"] > params.canary.slow_ms).to_numpy(),
    }
    guards = {name: guard_of(requests, event, span) for name, event in events.items()}
    return experiment_result(test, trial, guards)


def experiment_result(params: Experiment, trial: Trial, guards: dict[str, Guard]) -> GateResult:
    """Judge the counts of an A/B test; see `experiment_gate`."""
    checks = [_of_ratio(trial, params.share)]
    checks += [_of_guard(name, guard, params) for name, guard in guards.items()]
    return gate_result([*checks, _of_rate(trial, params)])


def _of_ratio(trial: Trial, share: float) -> Check:
    figure, limit = e_value_of(ratio_evidence(trial, share).max()), 1 / RATIO_ALPHA
    champion, challenger = int(trial.champion.sum()), int(trial.challenger.sum())
    state: State = "refuses" if figure >= limit else "passes"
    sentence = (
        f"{challenger:,} of {champion + challenger:,} entities met the challenger, {share:g} should: e = {figure:.4g}"
        f" that entities got lost, and {limit:,.0f} ends the test."
    )
    return Check("share", figure, limit, state, sentence)


def _of_guard(name: str, guard: Guard, params: Experiment) -> Check:
    figure = e_value_of(guard_evidence(guard.champion, guard.challenger, params.share, params.guard_margin).max())
    limit = 1 / params.alpha
    state: State = "refuses" if figure >= limit else "passes"
    sentence = (
        f"{name}: {int(guard.challenger.sum()):,} entities of the challenger and {int(guard.champion.sum()):,} of the"
        f" champion: e = {figure:.4g} that they are more than {params.guard_margin:.0%} more frequent, and {limit:g}"
        " ends the test."
    )
    return Check(name, figure, limit, state, sentence)


def _of_rate(trial: Trial, params: Experiment) -> Check:
    evidence, limit = rate_evidence(trial, params.share, params.effect), 1 / params.alpha
    decided = np.flatnonzero(np.maximum(*evidence) >= math.log(limit))
    at = int(decided[0]) if len(decided) else len(trial.champion) - 1
    side = "higher" if evidence.above[at] >= evidence.below[at] else "lower"
    figure = e_value_of(evidence.above[at], evidence.below[at])
    state: State = "waits" if at + 1 < params.max_days else "refuses"
    if len(decided):
        state = "passes" if side == "higher" else "refuses"
    rates = [hits.sum() / arm.sum() for arm, hits in (trial[:2], trial[2:])]
    end = "" if len(decided) else _outlook(rates[0], trial, params)
    sentence = (
        f"After {at + 1} days the rate is {rates[1]:.4f} against {rates[0]:.4f} of the champion: e = {figure:.4g} that"
        f" it is {side}, and {limit:g} decides{end}."
    )
    return Check("rate", figure, limit, state, sentence)


def _outlook(rate: float, trial: Trial, params: Experiment) -> str:
    """Return how long a test takes that has an effect to find."""
    if not 0 < rate < 1 / (1 + params.effect):
        return ""
    entities = float((trial.champion + trial.challenger).mean())
    planned = plan(rate, params.effect, params.share, (params.alpha, params.power), entities)
    return f"; an effect of {params.effect:.0%} takes {planned.days:,} days, and {params.max_days} are the most"
