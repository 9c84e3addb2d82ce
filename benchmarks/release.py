"""Count how often a release promotes or alarms by chance, and how soon it finds a difference, beside usual ways.

Run from the repository root; it takes less than three minutes on one core:

    python benchmarks/release.py [--experiments 4000] [--canaries 1000]

**Two models.** A day has 90 frauds, and its labels are all there at its end: days are days of matured labels. The
champion catches 75 %. The challenger misses 5 % of all frauds that the champion catches, and catches others: as many
(`equal`), 1 % fewer (`slightly worse`), 5 % more (`5 points better`). Where it is `30 points worse` it misses 35 %, and
catches 5 % of all that the champion misses. In `less alike` it is 5 points better too, but misses 15 % that the
champion catches. In the clustered worlds a fraud belongs to a card: 30 new cards a day, each with 1 to 30 frauds
(geometric, 3 on average) that fall on three days; of a card a model catches all or none. In `equal, days differ` frauds
are single, but the challenger's share of what one model alone catches is another on each day: Beta(10, 10), half on
average. No count by card helps against that.

Each design looks every day, for 60 days. The paired shadow sees each fraud with both models. The A/B tests see it with
one; each fraud is an entity of its own there, which is the best case for them. The z-test compares the recalls of the
arms, one-sided at .05. mSPRT is the mixture test of Johari et al. (2022), its mixing deviation the 5 points that are to
be found. An e-value of 20 decides, an mSPRT of 20 too.

**Canaries**: benchmarks/canaries.py says how they are made.

Prints the tables of docs/release-statistics.md and the aims, and exits with 1 when one is missed.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from benchmarks.canaries import ALPHAS, STEEP, canaries
from lifecycle.core.errors import PipelineError, run
from lifecycle.core.params import load_params
from lifecycle.core.release_params import ReleaseParams
from lifecycle.release.evidence.e_value import Evidence
from lifecycle.release.evidence.paired_evidence import Tally, tally
from lifecycle.release.evidence.sequential_test import Trial, rate_evidence

DAYS, FRAUDS, CARDS, E_VALUE, POINTS = 60, 90, 30, 20.0, 0.05


class World(NamedTuple):
    """What the two models catch, as shares of all frauds."""

    both: float
    only_champion: float
    only_challenger: float


WORLDS = {
    "equal": World(0.70, 0.05, 0.05),
    "slightly worse": World(0.70, 0.05, 0.04),
    "5 points better": World(0.70, 0.05, 0.10),
    "5 points better, less alike": World(0.60, 0.15, 0.20),
    "30 points worse": World(0.40, 0.35, 0.05),
}


class Result(NamedTuple):
    """How a design has judged experiments of one world."""

    promoted: float  # share
    stopped: float
    days: float  # median until it was promoted; NaN where none was
    days_to_stop: float


def judged(evidence: Evidence, limit: float = E_VALUE) -> Result:
    """Return what evidence of shape (experiments, days) decides: the first side to reach the limit."""
    first = []
    for side in evidence:
        reached = side >= np.log(limit)
        first.append(np.where(reached.any(axis=-1), reached.argmax(axis=-1) + 1.0, np.inf))
    promoted, stopped = first[0] < first[1], first[1] < first[0]
    return Result(float(promoted.mean()), float(stopped.mean()), *map(_median, first, (promoted, stopped)))


def _median(days: np.ndarray, kept: np.ndarray) -> float:
    return float(np.median(days[kept])) if kept.any() else np.nan


def paired(world: World, experiments: int, prior: float, rng: np.random.Generator) -> Result:
    """Judge experiments by the paired shadow."""
    shares = [world.only_challenger, world.only_champion, 1 - world.only_challenger - world.only_champion]
    drawn = rng.multinomial(FRAUDS, shares, (experiments, DAYS)).cumsum(axis=1)
    return judged(Tally(drawn[..., 0], drawn[..., 1]).evidence(prior))


def with_days(world: World, experiments: int, prior: float, rng: np.random.Generator) -> Result:
    """Judge experiments whose days tip to one model or the other as a whole, by the paired shadow."""
    told = rng.binomial(FRAUDS, world.only_champion + world.only_challenger, (experiments, DAYS))
    wins = rng.binomial(told, rng.beta(10, 10, told.shape))
    return judged(Tally(wins.cumsum(axis=1), (told - wins).cumsum(axis=1)).evidence(prior))


def clustered(world: World, experiments: int, prior: float, rng: np.random.Generator) -> dict[str, Result]:
    """Judge experiments whose frauds come in cards, by card as the gate does, and by fraud as it does not."""
    found: dict[str, list[Tally]] = {"by card": [], "by fraud": []}
    for _ in range(experiments):
        draw = rng.random(CARDS * DAYS)
        kept = np.flatnonzero(draw < world.only_challenger + world.only_champion)  # of the others nothing counts
        size = np.minimum(rng.geometric(1 / 3, len(kept)), 30)
        card, sign = np.repeat(kept, size), np.where(draw[kept] < world.only_challenger, 1, -1)
        day = np.minimum(card // CARDS + rng.integers(0, 3, len(card)), DAYS - 1)
        outcome = np.repeat(sign, size)
        found["by card"].append(tally(outcome, day, card, DAYS))
        found["by fraud"].append(tally(outcome, day, None, DAYS))
    stacked = {name: Tally(*map(np.array, zip(*tallies, strict=True))) for name, tallies in found.items()}
    return {name: judged(counts.evidence(prior)) for name, counts in stacked.items()}


def split_by_arm(world: World, share: float, experiments: int, rng: np.random.Generator) -> Trial:
    """Return experiments in which each fraud meets one model, of shape (experiments, days)."""
    challenger = rng.binomial(FRAUDS, share, (experiments, DAYS))
    champion = FRAUDS - challenger
    recalls = world.both + world.only_champion, world.both + world.only_challenger
    return Trial(champion, rng.binomial(champion, recalls[0]), challenger, rng.binomial(challenger, recalls[1]))


def differences(trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    """Return the difference of the recalls up to each day, and its variance where there is none."""
    entities, hits = (
        np.cumsum([getattr(trial, arm + end) for arm in ("champion", "challenger")], axis=-1) for end in ("", "_hits")
    )
    rates, all_rates = hits / np.maximum(entities, 1), hits.sum(axis=0) / entities.sum(axis=0)
    variance = all_rates * (1 - all_rates) * (1 / np.maximum(entities, 1)).sum(axis=0)
    return rates[1] - rates[0], np.maximum(variance, 1e-9)


def z_test(trial: Trial) -> Result:
    """Judge by a one-sided z-test at .05 that is repeated every day."""
    difference, variance = differences(trial)
    z = difference / np.sqrt(variance)
    return judged(Evidence(z, -z), float(np.exp(1.645)))


def msprt(trial: Trial) -> Result:
    """Judge by the mixture sequential probability ratio test for a normal difference."""
    difference, variance = differences(trial)
    whole = variance + POINTS**2
    log_ratio = 0.5 * np.log(variance / whole) + POINTS**2 * difference**2 / (2 * variance * whole)
    return judged(Evidence(np.where(difference > 0, log_ratio, -np.inf), np.where(difference < 0, log_ratio, -np.inf)))


def designs(experiments: int, params: ReleaseParams) -> dict[str, dict[str, Result]]:
    """Judge all worlds by all designs; a world has the same draws for the designs that split the frauds alike."""
    found: dict[str, dict[str, Result]] = {}
    prior = params.shadow.prior
    for place, (name, world) in enumerate(tqdm(WORLDS.items(), "worlds", disable=None)):
        rng = np.random.default_rng([7, place])
        halves, tenth = (split_by_arm(world, share, experiments, rng) for share in (0.5, 0.1))
        found[name] = {
            "z-test peeked at daily, 50/50": z_test(halves),
            "mSPRT, 10 % canary": msprt(tenth),
            "mSPRT, 50/50": msprt(halves),
            "A/B e-value, 10 % canary": judged(rate_evidence(tenth, 0.1, POINTS / 0.75)),
            "A/B e-value, 50/50": judged(rate_evidence(halves, 0.5, POINTS / 0.75)),
            "paired shadow e-value": paired(world, experiments, prior, rng),
        }
    for name in ("equal", "5 points better"):
        by = clustered(WORLDS[name], experiments, prior, np.random.default_rng([8, len(found)]))
        found[f"clustered, {name}"] = {f"paired shadow e-value, {how}": result for how, result in by.items()}
    found["equal, days differ"] = {
        "paired shadow e-value": with_days(WORLDS["equal"], experiments, prior, np.random.default_rng(10))
    }
    return found


def lines_of(found: dict[str, dict[str, Result]], alarms: dict[int, list[float]]) -> Iterator[str]:
    """Yield the tables as Markdown."""
    yield f"| design | {' | '.join(WORLDS)} |"
    yield f"| :-- |{' --: |' * len(WORLDS)}"
    for design in found["equal"]:
        yield f"| {design} | {' | '.join(_cell(world, found[world][design]) for world in WORLDS)} |"
    yield ""
    yield "| world | design | promoted | median days | stopped | median days |"
    yield "| :-- | :-- | --: | --: | --: | --: |"
    for world in (name for name in found if name not in WORLDS):
        for design, (promoted, stopped, days, to_stop) in found[world].items():
            yield f"| {world} | {design} | {promoted:.1%} | {_days(days)} | {stopped:.1%} | {_days(to_stop)} |"
    yield ""
    yield f"| requests in each step | gate, alpha {ALPHAS[0]:g} | gate, alpha {ALPHAS[1]:g} | bare ratio of {STEEP:g} |"
    yield "| --: | --: | --: | --: |"
    for size, shares in alarms.items():
        yield f"| {size:,} | {' | '.join(f'{share:.1%}' for share in shares)} |"
    yield ""


def _cell(world: str, result: Result) -> str:
    """Return how often the challenger is promoted, or stopped where it is far worse, and when where that is right."""
    if world == "30 points worse":
        return f"{result.stopped:.1%} stopped, {_days(result.days_to_stop)}"
    days = f", {_days(result.days)}" if world.startswith("5 points") else ""
    return f"{result.promoted:.1%}{days}"


def _days(days: float) -> str:
    return f"{days:.0f} d" if np.isfinite(days) else "-"


def aims(found: dict[str, dict[str, Result]], alarms: dict[int, list[float]]) -> dict[str, bool]:
    """Return what is asked, and whether it was reached."""
    own = "paired shadow e-value"
    equal, worse, better, bad = (
        found[world][own] for world in ("equal", "slightly worse", "5 points better", "30 points worse")
    )
    by_card = found["clustered, equal"][f"{own}, by card"]
    return {
        "at most 2 % of equal challengers are promoted": equal.promoted <= 0.02,
        "at most 2 % of slightly worse ones": worse.promoted <= 0.02,
        "at most 2 % of equal ones where frauds come in cards": by_card.promoted <= 0.02,
        "5 points more recall are found in 7 days": better.days <= 7,
        "30 points less stop a challenger within 2 days": bad.days_to_stop <= 2 and bad.stopped > 0.99,
        "sound canaries of each size are stopped no oftener than alpha": all(
            share <= alpha for shares in alarms.values() for share, alpha in zip(shares, ALPHAS, strict=False)
        ),
    }


def main() -> None:
    """Simulate, print, and raise a PipelineError when an aim is missed."""
    parser = argparse.ArgumentParser(description="Count false promotions, days and chance alarms.")
    parser.add_argument("--experiments", type=int, default=4000, help="of each world and design")
    parser.add_argument("--canaries", type=int, default=1000, help="of each size")
    options, params = parser.parse_args(), load_params().release
    found, alarms = designs(options.experiments, params), canaries(options.canaries, params)
    print("\n".join(lines_of(found, alarms)))
    reached = aims(found, alarms)
    print("\n".join(f"{'met' if met else 'MISSED':<8}{words}" for words, met in reached.items()))
    missed = [words for words, met in reached.items() if not met]
    if missed:
        raise PipelineError(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    run(main)
