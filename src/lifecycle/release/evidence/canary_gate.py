"""The gate of a step of the canary: whether the challenger's answers are as safe to give as the champion's.

It looks at what only serving can show: errors, slow answers, scores that are no numbers, far more or far fewer alerts,
another distribution of scores, and entities that got lost. Which model decides better is the shadow's matter.

False alarms: a canary of S steps spends `canary.alpha` / S on each step. A step spends its part over its looks
(`spent`), and a look divides what it gets among its figures (Bonferroni). So at most `canary.alpha` of all sound
canaries are stopped, however many requests they take.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from lifecycle.core.release_params import CanaryGate, ReleaseParams
from lifecycle.monitoring.decision_log import TIME
from lifecycle.release.evidence.arm_records import ARMS, ArmRecords, arms_of
from lifecycle.release.evidence.count_comparison import Counts, compare_counts, looks, score_shift, spent
from lifecycle.release.evidence.gate_result import Check, GateResult, State, gate_result

FIGURES = 6  # errors, slow answers, invalid scores, alerts, scores, share of the entities
FAILED = 400  # statuses from here on
EARLIER = pd.Timedelta(days=28)  # of the log before a step: what the champion has answered, and the shadow scored


def canary_gate(
    params: ReleaseParams, found: ArmRecords, share: float, period: tuple[pd.Timestamp, pd.Timestamp]
) -> GateResult:
    """Judge a step of a canary.

    It waits for `canary.minutes` and for `canary.min_requests` of the challenger. An arm without any request by then is
    unknown: no data is no health. In the last step, in which nobody is left for the champion, the challenger is held
    against what the champion has answered before, without the share of the entities.

    Parameters
    ----------
    params : ReleaseParams
        Block `release` of params.yaml.
    found : ArmRecords
        The decision log, for the last step from before the step.
    share : float
        Of the entities that the challenger answers; 1 in the last step.
    period : (pandas.Timestamp, pandas.Timestamp)
        When the step began, and now.
    """
    canary, (since, now) = params.canary, period
    arms = found.of(ARMS, since, now)
    if share == 1.0:
        arms = _with_earlier(arms, found.of(ARMS[:1], pd.Timestamp.min, since))
    answered = {arm: int((arms.requests["arm"] == arm).sum()) for arm in ARMS}
    minutes, (look, counted) = (
        (now - since) / pd.Timedelta(minutes=1),
        looks(answered["challenger"], canary.min_requests),
    )
    if minutes < canary.minutes or (look == 0 and all(answered.values())):
        return gate_result([_waiting(canary, minutes, answered["challenger"])])
    if not all(answered.values()):
        return gate_result([_silent(arm, minutes) for arm in ARMS if not answered[arm]])
    alpha = spent(canary.alpha / len(canary.steps), look) / FIGURES
    judged, shadow = _up_to(arms, counted), found.of(("shadow",), pd.Timestamp.min, since).records
    return gate_result(
        [*arm_checks(judged, canary, share, alpha), *score_checks(judged.records, shadow, canary, alpha)]
    )


def _with_earlier(arms: ArmRecords, earlier: ArmRecords) -> ArmRecords:
    requests, records = (
        pd.concat([before, own[own["arm"] == "challenger"]], ignore_index=True)
        for before, own in ((earlier.requests, arms.requests), (earlier.records, arms.records))
    )
    return ArmRecords(requests, records, arms.left_out)


def _up_to(arms: ArmRecords, counted: int) -> ArmRecords:
    """Return what was there when the challenger had answered so many requests: a look does not change later."""
    last = arms.requests.loc[arms.requests["arm"] == "challenger", TIME].iloc[counted - 1]
    requests, records = (table[table[TIME] <= last] for table in (arms.requests, arms.records))
    return ArmRecords(requests, records, arms.left_out)


def _waiting(canary: CanaryGate, minutes: float, requests: int) -> Check:
    if minutes < canary.minutes:
        sentence = f"{minutes:.1f} minutes of this step, {canary.minutes:g} are needed."
        return Check("minutes", minutes, canary.minutes, "waits", sentence)
    sentence = f"{requests:,} requests of the challenger, {canary.min_requests:,} are needed."
    return Check("requests", requests, canary.min_requests, "waits", sentence)


def _silent(arm: str, minutes: float) -> Check:
    sentence = f"No request of the {arm} in {minutes:.1f} minutes: no data is no health."
    return Check(f"{arm} requests", 0, 1, "unknown", sentence)


def arm_checks(arms: ArmRecords, canary: CanaryGate, share: float, alpha: float) -> Iterator[Check]:
    """Yield the check of each figure of two arms, each at a level of alpha; the rollback asks the same.

    `share` of the entities is the challenger's; where it is 1 nothing is known of it.
    """
    requests, of_request = arms.requests, arms_of(arms.requests)
    failed = (requests["status"] >= FAILED).to_numpy()
    slow = (requests["milliseconds"] > canary.slow_ms).to_numpy()
    yield _of_counts("errors", compare_counts(failed, of_request), alpha)
    yield _of_counts(f"answers above {canary.slow_ms:g} ms", compare_counts(slow, of_request), alpha)
    if share < 1.0:
        yield _of_share(of_request.challenger, of_request.unit, share, alpha)
    records = arms.records
    if records["arm"].nunique() < len(ARMS):
        yield Check("scores", None, None, "unknown", "One of the arms has no score: no data is no health.")
        return
    of_record = arms_of(records)
    invalid = ~np.isfinite(records["score"].to_numpy())
    yield _of_counts("scores that are no numbers", compare_counts(invalid, of_record), alpha)
    alert = records["alert"].to_numpy()
    if not np.isnan(alert).all():
        yield _of_alerts(compare_counts(alert == 1, of_record, canary.alert_ratio), canary.alert_ratio, alpha)


def score_checks(records: pd.DataFrame, shadow: pd.DataFrame, canary: CanaryGate, alpha: float) -> Iterator[Check]:
    """Hold the challenger's scores against those of its own shadow, where it had one: another model scores otherwise.

    Without a shadow they are held against the champion's. `records` and `shadow` are as in `ArmRecords.records`.
    """
    whose, table = "the champion's", records
    if len(shadow):
        own = records[records["arm"] == "challenger"]
        whose, table = "those of its shadow", pd.concat([shadow.assign(arm="champion"), own], ignore_index=True)
    if table["arm"].nunique() == len(ARMS):
        yield _of_scores(*score_shift(table["score"].to_numpy(), arms_of(table)), canary.score_shift, alpha, whose)


def _judged(name: str, chance: float, alpha: float, sentence: str) -> Check:
    state: State = "refuses" if chance < alpha else "passes"
    end = "that is no chance" if chance < alpha else "that may be chance"
    return Check(name, chance, alpha, state, f"{sentence}: p = {chance:.2g}, the limit is {alpha:.2g}; {end}.")


def _counts(counts: Counts) -> str:
    return (
        f"{counts.challenger:,} in {counts.challenger_rows:,} of the challenger, {counts.champion:,} in"
        f" {counts.champion_rows:,} of the champion"
    )


def _of_counts(name: str, counts: Counts, alpha: float) -> Check:
    return _judged(name, counts.more, alpha, f"{name}: {_counts(counts)}")


def _of_alerts(counts: Counts, ratio: float, alpha: float) -> Check:
    beyond = f"beyond {ratio:g} times as many or as few"
    return _judged("alerts", counts.either, alpha, f"alerts: {_counts(counts)}, held against {beyond}")


def _of_scores(distance: float, chance: float, allowed: float, alpha: float, whose: str) -> Check:
    """Refuse scores that are otherwise distributed, by more than chance and by more than is allowed."""
    start = f"scores: {distance:.3f} of them lie elsewhere than {whose}"
    if distance <= allowed:
        return Check("scores", distance, allowed, "passes", f"{start}; up to {allowed:g} is allowed.")
    return _judged("scores", chance, alpha, f"{start}, and {allowed:g} is allowed")


def _of_share(challenger: np.ndarray, unit: np.ndarray, share: float, alpha: float) -> Check:
    entities = len(np.unique(unit))
    got = len(np.unique(unit[challenger]))
    chance = float(binomtest(got, entities, share).pvalue)
    return _judged(
        "share", chance, alpha, f"share: {got:,} of {entities:,} entities met the challenger, {share:g} should"
    )
