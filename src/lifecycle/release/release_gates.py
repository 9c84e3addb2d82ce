"""The gate in front of each step of a release: what is asked, of which evidence, and when nothing is asked.

| step | asks |
| :-- | :-- |
| register | nothing; it records what the offline gate finds |
| shadow, and the first promote | that the offline gate had passed |
| canary from the shadow, ab | the shadow gate; an A/B test may begin while that still waits |
| canary with a larger share, promote from the canary | the canary gate of the present share |
| promote from an A/B test | the experiment gate |
| reject, retire, rollback | nothing: they take back |
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from lifecycle.bundle.parity import served_scores
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Params
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.monitoring.decision_log import lines_of, log_files, now
from lifecycle.monitoring.label_file import read_labels
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import Problem
from lifecycle.release.evidence.arm_records import ArmRecords, read_arms
from lifecycle.release.evidence.canary_gate import EARLIER, canary_gate
from lifecycle.release.evidence.experiment_gate import experiment_gate, trial_of
from lifecycle.release.evidence.gate_result import Check, GateResult, gate_result
from lifecycle.release.evidence.offline_gate import TEST, offline_gate
from lifecycle.release.evidence.sequential_test import plan
from lifecycle.release.evidence.shadow_gate import matured, shadow_gate
from lifecycle.release.registry.ledger import Ledger, Release
from lifecycle.release.registry.released_commit import fetch_bundle
from lifecycle.release.registry.transitions import Step, in_state
from lifecycle.report.verdict import SCORES
from lifecycle.repository.reproducibility import prove
from lifecycle.repository.revision_files import Revision, Workspace

BUNDLE = Path("models/bundle")


class Sources(NamedTuple):
    """Where the evidence of a step is.

    Parameters
    ----------
    log, labels : Path or None
        The service's decision log, and the table of labels that came later.
    since : pandas.Timestamp or None
        When the present state began, by the clock of the log; None: when the registry says.
    as_of : pandas.Timestamp
        Now, by the clock of the log; None: by this one's.
    """

    log: Path | None
    labels: Path | None
    since: pd.Timestamp | None
    as_of: pd.Timestamp | None


class Candidate(NamedTuple):
    """A version that is tried in an environment, and by what it is judged."""

    number: str
    environment: str
    ledger: Ledger
    sources: Sources
    params: Params

    @property
    def since(self) -> pd.Timestamp:
        """When its present state began."""
        at = self.ledger.last(self.number, self.environment).at
        return self.sources.since or pd.Timestamp(at).tz_localize(None)

    @property
    def share(self) -> float:
        """Of the entities that it answers in its canary; 0 elsewhere."""
        state = self.ledger.states(self.environment)[self.number]
        return self.ledger.last(self.number, self.environment).share if state == "canary" else 0.0

    @property
    def problem(self) -> Problem:
        """Whose records are decided."""
        return load_problem(self.params.problem)

    @property
    def delay_days(self) -> float:
        """Until a label is known."""
        return float(fill(self.params.split, self.problem, "split").delay_days or 0)

    def arms(self) -> ArmRecords:
        """Return what both versions have decided.

        Raises
        ------
        PipelineError
            No log was named, or it can't be read.
        """
        if self.sources.log is None:
            raise PipelineError(
                f"{self.number}: its gate reads the decision log of the service: --log FILE (SERVE_LOG)"
            )
        champion = in_state(self.ledger.states(self.environment), "live")
        before, after = (self.ledger.release(number).version for number in (champion, self.number))
        return read_arms(lines_of(log_files(self.sources.log)), before, after, self.since - EARLIER)

    def labels(self) -> pd.DataFrame:
        """Return the labels that are known.

        Raises
        ------
        PipelineError
            No table was named, or it can't be read.
        """
        if self.sources.labels is None:
            raise PipelineError(f"{self.number}: its gate reads the labels that came later: --labels FILE")
        return read_labels(self.sources.labels, self.problem, self.params.ingest.csv)

    @property
    def period(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """From when to when it is judged."""
        return self.since, self.sources.as_of or now()


class Answering(Revision):
    """The version that answers, judged on the records that the workspace is judged on.

    After a retraining the two were tested on other days. Then the earlier one's bundle scores the new one's records.

    Parameters
    ----------
    release : Release
        The version.
    bundle : Path
        Where its bundle is to be put, when it is needed.
    problem : Problem
        Whose records they are.
    """

    def __init__(self, release: Release, bundle: Path, problem: Problem) -> None:
        super().__init__(release.commit)
        self.name = release.number
        self._bundle, self._problem = bundle, problem

    def table(self, path: str) -> pd.DataFrame | None:
        """Return a table; that of the scores holds the records of the workspace's test."""
        own = super().table(path)
        rows = Workspace().table(TEST) if path == SCORES else None
        key = self._problem.key
        if rows is None or (own is not None and rows[key].isin(own[key]).all()):
            return own
        if not self._bundle.is_dir():
            fetch_bundle(self.commit, self._bundle)
        servable = Servable.load(self._bundle)
        if gone := [name for name in servable.features if name not in rows]:
            raise PipelineError(f"{self.name} sees what the records do not have: {', '.join(gone)}")
        return task_of(self._problem).score_table(rows, served_scores(servable, rows), servable.decision)


def registration_checks(ledger: Ledger, environment: str, params: Params) -> GateResult:
    """Return what the offline gate finds of the workspace, beside the version that answers in an environment."""
    answering, problem = in_state(ledger.states(environment), "live"), load_problem(params.problem)
    with tempfile.TemporaryDirectory(prefix="answering-") as temporary:
        bundle = Path(temporary, "bundle")
        base = Answering(ledger.release(answering), bundle, problem) if answering else None
        return offline_gate(params, problem, (base, Workspace()), BUNDLE, prove)


def step_gate(step: Step, candidate: Candidate) -> GateResult | None:
    """Return what the gate of a step says; None where nothing is asked."""
    before = candidate.ledger.states(candidate.environment).get(candidate.number)
    ask = GATES.get((str(before), step))
    return None if ask is None else ask(candidate)


def check_gate(step: Step, number: str, found: GateResult | None) -> list[Mapping[str, Any]]:
    """Return the checks of a gate as the registry keeps them.

    Raises
    ------
    PipelineError
        The gate does not let the step pass; says by which figures and limits.
    """
    if found is None:
        return []
    if found.state != "passes":
        verb = {"refuses": "is refused", "waits": "has to wait", "unknown": "can't be judged"}[found.state]
        raise PipelineError("\n  ".join([f"{step} {number} {verb}:", *found.reasons]))
    return list(found.as_json()["checks"])


def _registered(candidate: Candidate) -> GateResult:
    """Return what the offline gate found when the version was registered."""
    checks: Sequence[Mapping[str, Any]] = candidate.ledger.registration(candidate.number).evidence.get("gates", ())
    return gate_result([Check(**check) for check in checks])


def _shadow(candidate: Candidate) -> GateResult:
    task = task_of(candidate.problem)
    return shadow_gate(
        candidate.params.release, candidate.arms(), candidate.labels(), task, candidate.delay_days, candidate.period
    )


def _before_experiment(candidate: Candidate) -> GateResult:
    """Let an A/B test begin unless the shadow has shown that the challenger decides worse."""
    found = _shadow(candidate)
    if found.state != "waits":
        return found
    return gate_result([check._replace(state="passes") if check.state == "waits" else check for check in found.checks])


def _canary(candidate: Candidate) -> GateResult:
    return canary_gate(candidate.params.release, candidate.arms(), candidate.share, candidate.period)


def _last_step(candidate: Candidate) -> GateResult:
    """Ask that the last step of the canary was watched too."""
    found, last = _canary(candidate), candidate.params.release.canary.steps[-1]
    if candidate.share >= last:
        return found
    sentence = f"It answers {candidate.share:.0%}; {last:.0%} has to be watched before: release.canary.steps."
    return gate_result([*found.checks, Check("share", candidate.share, last, "refuses", sentence)])


def _experiment(candidate: Candidate) -> GateResult:
    target = candidate.problem.target
    return experiment_gate(
        candidate.params.release, candidate.arms(), candidate.labels(), target, candidate.delay_days, candidate.period
    )


def experiment_plan(candidate: Candidate) -> list[str]:
    """Return in words how long an A/B test would take, from what the champion has brought about lately.

    Raises
    ------
    PipelineError
        The log or the labels do not tell.
    """
    test, until = candidate.params.release.ab, candidate.period[1]
    span = matured(until - EARLIER, until, candidate.delay_days)
    seen = trial_of(candidate.arms(), candidate.labels(), candidate.problem.target, span)
    entities, successes = int(seen.champion.sum()), int(seen.champion_hits.sum())
    if not 0 < successes < entities:
        raise PipelineError(
            f"ab --plan: {successes:,} of {entities:,} entities were a success; there is no rate to plan by"
        )
    days = max(1, int((seen.champion > 0).sum()))
    needed = plan(successes / entities, test.effect, test.share, (test.alpha, test.power), entities / days)
    return [
        f"{successes:,} of {entities:,} entities were a success ({successes / entities:.2%}) on {days} days",
        f"to find a rate {test.effect:.0%} higher with a power of {test.power:.0%}, at a false-promotion rate of"
        f" {test.alpha:.0%}: {needed.entities:,} entities, about {needed.days} days; {test.max_days} are allowed",
    ]


GATES: Mapping[tuple[str, Step], Callable[[Candidate], GateResult]] = {
    ("registered", "shadow"): _registered,
    ("registered", "promote"): _registered,
    ("retired", "shadow"): _registered,
    ("rejected", "shadow"): _registered,
    ("shadow", "canary"): _shadow,
    ("shadow", "ab"): _before_experiment,
    ("canary", "canary"): _canary,
    ("canary", "ab"): _canary,
    ("canary", "promote"): _last_step,
    ("ab", "canary"): _experiment,
    ("ab", "promote"): _experiment,
}
