"""Canaries of a model against itself: how often they are stopped by chance. Not run by itself: see release.py.

Both arms are the same model. Entities send their own number of requests (lognormal, sigma 1, 3 on
average) and fail at their own rate (gamma, shape .3, 1 % on average), so errors come in clusters; 2 % of the answers
are slow, 0.7 % of the records are alerts, and the scores of an entity are alike. A canary has the steps of params.yaml;
the size is the requests of the challenger in each step, at which the gate looks. Beside it stands a rule of bare
ratios: an error rate, or a 99th percentile of the latency, 1.5 times the champion's stops a canary.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from lifecycle.core.release_params import ReleaseParams
from lifecycle.release.evidence.arm_records import ArmRecords
from lifecycle.release.evidence.canary_gate import canary_gate

SIZES = (50, 500, 2000)
ALPHAS = (0.05, 0.001)  # the second is that of params.yaml
START, STEP = pd.Timestamp("2026-01-05"), pd.Timedelta(hours=1)
STEEP = 1.5  # the bare ratio that stops a canary


def null_step(size: int, share: float, at: pd.Timestamp, rng: np.random.Generator) -> ArmRecords:
    """Return the requests of one step whose arms are the same model, until the challenger has answered so many."""
    asked = size / share
    entities = max(int(asked / 3), 10)
    weight, place = rng.lognormal(0, 1, entities), rng.random(entities)
    entity = rng.choice(entities, int(2 * asked), p=weight / weight.sum())
    answered = np.cumsum(place[entity] < share)
    if answered[-1] < size:  # few entities of the challenger, and those ask rarely
        return null_step(size, share, at, rng)
    entity = entity[: np.searchsorted(answered, size) + 1]
    requests = len(entity)
    fails = np.minimum(rng.gamma(0.3, 0.01 / 0.3, entities), 1)[entity]
    score = (rng.random(entities)[entity] + rng.random(requests)) / 2
    table = pd.DataFrame(
        {
            "time": at + pd.to_timedelta(np.arange(requests), unit="ms"),
            "arm": pd.Categorical.from_codes((place[entity] < share).astype(int), pd.Index(["champion", "challenger"])),
            "place": place[entity],
            "status": np.where(rng.random(requests) < fails, 500, 200),
            "milliseconds": 15 * rng.lognormal(0, 0.924, requests),  # 2 % are above 100
            "score": score,
            "alert": (score > 0.94085).astype(np.float64),  # 0.7 %
        }
    )
    return ArmRecords(table, table, {})


class Alarms(NamedTuple):
    """Whether a canary of one model against itself was stopped: by the gate at each of `ALPHAS`, by bare ratios."""

    by_gate: tuple[bool, ...]
    by_ratio: bool


def null_canary(size: int, params: ReleaseParams, rng: np.random.Generator) -> Alarms:
    """Run a canary through all its steps."""
    canary = params.canary.model_copy(update={"min_requests": size, "minutes": 0.0, "alpha": ALPHAS[0]})
    rule = params.model_copy(update={"canary": canary})
    smallest, ratio, before = np.inf, False, None
    for step, share in enumerate(canary.steps):
        at = START + step * STEP
        found = null_step(size, share, at, rng)
        if share == 1.0 and before is not None:
            found = after(before, found)
        checks = canary_gate(rule, found, share, (at, at + STEP)).checks
        smallest = min([smallest, *(float(c.figure / c.limit) for c in checks if c.state == "refuses")])  # type: ignore[operator]
        ratio, before = ratio or is_steep(found.requests), found
    return Alarms(tuple(smallest < alpha / ALPHAS[0] for alpha in ALPHAS), ratio)


def after(before: ArmRecords, found: ArmRecords) -> ArmRecords:
    """Return a step with the one before it."""
    table = pd.concat([before.requests, found.requests], ignore_index=True)
    return ArmRecords(table, table, {})


def is_steep(requests: pd.DataFrame) -> bool:
    """Tell whether error rate or latency of the challenger are too many times the champion's."""
    by_arm = requests.assign(failed=requests["status"] >= 400).groupby("arm", observed=True)
    errors, latency = by_arm["failed"].mean(), by_arm["milliseconds"].quantile(0.99)
    return any(bool(one["challenger"] > STEEP * one["champion"]) for one in (errors, latency))


def canaries(count: int, params: ReleaseParams) -> dict[int, list[float]]:
    """Return the shares of null canaries that are stopped, by size: by the gate at each of `ALPHAS`, by bare ratios."""
    found = {}
    for size in SIZES:
        rng = np.random.default_rng([9, size])
        alarms = [null_canary(size, params, rng) for _ in tqdm(range(count), f"canaries of {size}", disable=None)]
        found[size] = [
            *np.mean([one.by_gate for one in alarms], axis=0),
            float(np.mean([one.by_ratio for one in alarms])),
        ]
    return found
