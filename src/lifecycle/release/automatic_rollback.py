"""The command `release watch`: take a version back without asking anybody, when what it answers shows that it must be.

A challenger that answers a share is held against the champion at its side; a new champion against the one before it,
in the days before. Rules: errors, slow answers, scores that are no numbers, alerts, the distribution of scores, wrong
decisions where labels are known, and silence. Three faults of other such watches are not made here:

* a small arm is not stopped by chance: counts are compared, not rates, and all looks together raise no more false
  alarms than `release.rollback.alpha` says;
* no data is no health: an arm that has fallen silent while the other one answers is taken back;
* it does not go to and fro: there is a rest after each change, and after `most` rollbacks in a row a person decides.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Params, load_params
from lifecycle.core.release_params import ReleaseParams
from lifecycle.monitoring.decision_log import REQUEST, ROW, TIME, lines_of, log_files, now
from lifecycle.monitoring.label_file import read_labels
from lifecycle.problem.loading import load_problem
from lifecycle.release.evidence.arm_records import ARMS, ArmRecords, arms_of, read_arms
from lifecycle.release.evidence.canary_gate import EARLIER, canary_gate
from lifecycle.release.evidence.e_value import e_value_of
from lifecycle.release.evidence.experiment_gate import Guard, guard_of
from lifecycle.release.evidence.gate_result import Check, GateResult, gate_result
from lifecycle.release.evidence.sequential_test import guard_evidence
from lifecycle.release.evidence.shadow_gate import matured
from lifecycle.release.registry.release_steps import Place, roll_back
from lifecycle.release.route import ROUTE, Route, read_route

EXIT_CODES = {"none": 0, "rollback": 12, "person": 13}  # as the monitor's rollback and page
Action = Literal["none", "rollback", "person"]


class Watched(NamedTuple):
    """Who is watched.

    Parameters
    ----------
    route : Route
        Who answers.
    changed : pandas.Timestamp
        Since when.
    champion, challenger : str
        The version to be held against, and the one that may be taken back.
    share : float
        Of the entities that the challenger answers.
    """

    route: Route
    changed: pd.Timestamp
    champion: str
    challenger: str
    share: float


class Judgement(NamedTuple):
    """What is to be done, and why."""

    action: Action
    sentence: str
    checks: Sequence[Check]


def watched_of(folder: Path) -> Watched | None:
    """Return who is watched in an environment; None where nobody is on trial and there is no earlier version."""
    route = read_route(folder)
    if route is None:
        raise PipelineError(f"{folder / ROUTE}: no such file; `release promote` and `release sync` write it")
    changed = pd.Timestamp((folder / ROUTE).stat().st_mtime_ns).floor("us")
    if route.mode in ("canary", "ab"):
        return Watched(route, changed, route.champion, route.challenger, route.share)
    if route.mode == "single" and route.previous and not route.automatic:
        return Watched(route, changed, route.previous, route.champion, 1.0)
    return None


def watch_checks(
    params: ReleaseParams, watched: Watched, found: ArmRecords, at: pd.Timestamp, labels: pd.DataFrame | None = None
) -> GateResult:
    """Return what the rules find.

    Parameters
    ----------
    params : ReleaseParams
        Block `release` of params.yaml.
    watched : Watched
        Who is watched.
    found : ArmRecords
        The decision log; of a new champion also the days before.
    at : pandas.Timestamp
        Now, by the clock of the log, UTC.
    labels : pandas.DataFrame, optional
        `request_id`, `row` and `target` of the records whose label is known.
    """
    rule = params.rollback
    limits = {"alpha": rule.alpha, "min_requests": rule.min_requests, "minutes": 0.0}
    strict = params.model_copy(update={"canary": params.canary.model_copy(update=limits)})
    period = (watched.changed, at)
    checks = [*canary_gate(strict, found, watched.share, period).checks, _silence(params, watched, found, at)]
    if labels is not None and watched.share < 1:
        checks += _wrong(params, watched, found.of(ARMS, *period), labels)
    return gate_result(checks)


def _silence(params: ReleaseParams, watched: Watched, found: ArmRecords, at: pd.Timestamp) -> Check:
    """Find whether the challenger has answered nobody lately, although it should have met some entities."""
    rule = params.rollback
    begin = max(watched.changed, at - pd.Timedelta(seconds=rule.silence_seconds))
    last = found.of(ARMS, begin, at).requests
    if len(last) == 0 or at - watched.changed < pd.Timedelta(seconds=rule.silence_seconds):
        return Check("silence", None, rule.alpha, "waits", "No request lately, so nothing is known of silence.")
    entities, answered = len(np.unique(arms_of(last).unit)), int((last["arm"] == "challenger").sum())
    chance = 1.0 if answered else (1 - watched.share) ** entities
    sentence = (
        f"{answered:,} answers of the challenger in {rule.silence_seconds:g} s, in which {entities:,} entities asked:"
        f" p = {chance:.2g}, the limit is {rule.alpha:g}."
    )
    return Check("silence", chance, rule.alpha, "refuses" if chance < rule.alpha else "passes", sentence)


def _wrong(params: ReleaseParams, watched: Watched, found: ArmRecords, labels: pd.DataFrame) -> list[Check]:
    """Hold the entities that were decided wrongly against the champion's, as far as labels are known."""
    known = found.records.merge(labels, how="inner", on=[REQUEST, ROW])
    known = known.assign(decided=known["alert"].fillna(known["code"]))
    known = known[known["decided"].notna() & known["target"].notna()]
    if known.empty:
        return []
    span = matured(known[TIME].iloc[0].floor("D"), known[TIME].iloc[-1].ceil("D"), 0.0)
    guard: Guard = guard_of(known, (known["decided"] != known["target"]).to_numpy(), span)
    evidence = guard_evidence(guard.champion, guard.challenger, watched.share, params.ab.guard_margin)
    figure, limit = e_value_of(evidence.max()), 1 / params.rollback.alpha
    sentence = (
        f"wrong decisions: on {int(guard.challenger.sum()):,} entities of the challenger and"
        f" {int(guard.champion.sum()):,} of the champion: e = {figure:.4g}, and {limit:,.0f} takes it back."
    )
    return [Check("wrong decisions", figure, limit, "refuses" if figure >= limit else "passes", sentence)]


def judge(params: ReleaseParams, watched: Watched, found: GateResult, at: pd.Timestamp) -> Judgement:
    """Return what is to be done about what the rules have found.

    An arm of which nothing is known is not taken back for that alone: `silence` does it, once the other arm answers.
    """
    if found.state != "refuses":
        return Judgement("none", " ".join(found.reasons), found.checks)
    rule, why = params.rollback, " ".join(found.reasons)
    rest = pd.Timedelta(minutes=rule.cool_down_minutes) - (at - watched.changed)
    if watched.route.automatic >= rule.most:
        done = f"{watched.route.automatic} automatic rollbacks in a row, {rule.most} are allowed"
        return Judgement("person", f"{done}; a person has to decide. {why}", found.checks)
    if watched.route.automatic and rest > pd.Timedelta(0):
        wait = f"the last rollback was less than {rule.cool_down_minutes:g} minutes ago"
        return Judgement("person", f"{wait}; a person has to decide. {why}", found.checks)
    return Judgement("rollback", why, found.checks)


def look(place: Place, params: Params, log: Path, labels: Path | None, at: pd.Timestamp) -> Judgement:
    """Look once, and roll back where that is to be done.

    Raises
    ------
    PipelineError
        The route, the log or the labels can't be read: then nobody watches, and that is told.
    """
    if place.folder is None:
        raise PipelineError(f"watch: the route of {place.environment} stands elsewhere; watch it there")
    watched = watched_of(place.folder)
    if watched is None:
        return Judgement("none", "Nobody is on trial, and no earlier version is left to go back to.", [])
    begin = watched.changed - (EARLIER if watched.share == 1 else pd.Timedelta(0))
    found = read_arms(lines_of(log_files(log)), watched.champion, watched.challenger, begin)
    known = None if labels is None else _labels(labels, params)
    judged = judge(params.release, watched, watch_checks(params.release, watched, found, at, known), at)
    if judged.action == "rollback":
        told = roll_back(place, judged.sentence, automatic=True)
        return judged._replace(sentence="\n".join([judged.sentence, *told]))
    return judged


def _labels(path: Path, params: Params) -> pd.DataFrame:
    problem = load_problem(params.problem)
    found = read_labels(path, problem, params.ingest.csv)
    return found.rename(columns={problem.target: "target"})[[REQUEST, ROW, "target"]]


def watch(argv: Sequence[str], place: Place) -> None:
    """Watch until the end, or look once; ends with 0, 12 after a rollback, 13 where a person has to decide."""
    parser = argparse.ArgumentParser(prog="mlops.py release watch", description="Take back what must not answer.")
    parser.add_argument("--log", type=Path, required=True, help="the service's SERVE_LOG")
    parser.add_argument("--labels", type=Path, help="table of the labels that have come in")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two looks; 10")
    parser.add_argument("--once", action="store_true", help="look once")
    options, params = parser.parse_args(argv), load_params()
    said = ""
    while True:
        try:
            judged = look(place, params, options.log, options.labels, now())
        except PipelineError as error:
            if options.once:
                raise
            judged = Judgement("none", f"not watched: {error}", [])
        if judged.sentence != said:  # each look says the same while nothing happens
            print(judged.sentence, flush=True)
        said = judged.sentence
        if options.once or judged.action == "rollback":
            sys.exit(EXIT_CODES[judged.action])
        time.sleep(options.every)
