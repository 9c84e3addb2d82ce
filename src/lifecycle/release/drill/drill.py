"""The command `drill`: build, serve, drift, alarm, retrain, shadow, canary, promote; a bad model, rollback, audit.

All of it happens in a clone of the repository's last commit, with the commands that a person would type, on records of
the project itself. Nothing of the working folder changes. Days pass in seconds: see `drill_traffic`.
"""

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lifecycle.bundle.servable import Servable
from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.core.tables import read_table, write_table
from lifecycle.monitoring.alarms import Alarm
from lifecycle.monitoring.findings_files import write_files
from lifecycle.monitoring.live import Source
from lifecycle.monitoring.live import look as look_at_log
from lifecycle.problem.loading import fill, load_problem
from lifecycle.release.automatic_rollback import EXIT_CODES
from lifecycle.release.drill.drill_clone import Clone
from lifecycle.release.drill.drill_traffic import Traffic
from lifecycle.release.drill.drill_world import LIVE_DAYS, World, drill_world
from lifecycle.release.drill.timeline import Timeline, timeline_page
from lifecycle.release.route import Route, read_route
from lifecycle.splits.time_windows import DAY

RECORDS = "data/raw/records.parquet"
QUICK = {  # what a drill leaves out, and the timeline says so
    "ingest.source": "file",
    "ingest.path": "data/source",
    "evaluate.bootstrap_samples": 50,
    "explain.samples": 50,
    "explain.rows": 1000,
    "audit.samples": 50,
    "audit.more_seeds": 2,
    "audit.ageing_windows": 2,
    "audit.max_recall_difference": None,
    "audit.max_false_positive_ratio": None,
    "audit.max_calibration_ratio": None,
    "package.threshold_rows": 1000,
    "split.folds": 2,
    "evaluate.leak_alarm": 1.0,
    "decide.alert_budget_per_day": 20,
    "release.offline.reproducible": False,
    "release.canary.minutes": 0.0,
    "release.canary.min_requests": 10,
    "release.canary.alert_ratio": 1.5,  # a drill has few entities, and rollback counts them
    "release.rollback.alpha": 0.01,
    "release.rollback.min_requests": 20,
    "release.rollback.silence_seconds": 5.0,
}
CANARY_DAYS = 1  # of the replay, at each share
WATCHED_DAYS = 25  # after the drift, within which the alarm has to come
SHADOW_DAYS = 8
BAD_DAYS = 3  # within which a bad version is taken back
LOG, COPY, LABELS = "decisions.jsonl", "decisions-by-record-time.jsonl", "labels.csv"
FINDINGS = "findings"  # of the monitor


class Drill:
    """A drill on its way.

    Parameters
    ----------
    folder : Path
        For the clone and the log.
    world : World
        The records.
    """

    def __init__(self, folder: Path, world: World) -> None:
        self.folder, self.world, self.timeline = folder, world, Timeline()
        self.params = load_params()
        split = fill(self.params.split, world.problem, "split")
        self.delay = float(split.delay_days or 0)
        self.test_days = float(split.test_days or 7)
        self.clone = Clone(folder / "clone")
        begin = world.live - self.test_days * DAY
        self.traffic = Traffic(world, self.delay, self.clone.port, begin)

    def run(self) -> None:
        """Do all steps.

        Raises
        ------
        PipelineError
            One of them did not come to its end; says which.
        """
        try:
            self.build()
            self.serve()
            self.calm()
            self.drift()
            self.retrain()
            self.shadow()
            self.canary()
            self.bad_model()
            self.audit()
        finally:
            self.clone.end_service()

    def build(self) -> None:
        """Build the first version from the records before the live days, and register it."""
        with self.timeline.step("build: dvc repro, release register, release promote") as moment:
            start = self.world.live - self.test_days * DAY
            self.clone.change_params(QUICK | {"split.test_start": str(start.date())})
            shutil.move(self._part("part-1", None, self.world.live), self.clone.folder / "data/source")
            self.clone.call("dvc", "add", "--quiet", "data/source/part-1.parquet")
            self.clone.call("dvc", "repro", "--quiet")
            self.clone.commit("The first version")
            moment.sentences += [self._release("register", "--why", "first version of the drill")]
            moment.sentences += [self._release("promote", self._newest(), "--why", "nothing answers yet")]

    def _part(self, name: str, begin: pd.Timestamp | None, end: pd.Timestamp) -> Path:
        """Write the records of some days as a file."""
        path = self.folder / f"{name}.parquet"
        write_table(self.world.between(begin, end), path)
        return path

    def _release(self, *arguments: str, codes: Sequence[int] = (0,)) -> str:
        return self.clone.mlops("release", *arguments, codes=codes).strip().splitlines()[0]

    def _newest(self) -> str:
        """Return the release number that was registered last."""
        names = self.clone.call("git", "tag", "--list", "*@v*", "--sort=-version:refname").split()
        return names[0].rpartition("@")[2]

    def serve(self) -> None:
        """Start the service, which follows the route and keeps an audit log."""
        with self.timeline.step("serve: the service follows serving/route.json") as moment:
            self.clone.serve(
                route="serving", store=str(self.folder / "store"), log=str(self.folder / LOG), log_values="1",
                audit="serving/audit", audit_keys=str(self.folder / "audit.keys"), max_rows="10000",
            )  # fmt: skip
            moment.sentences.append(f"it answers on port {self.clone.port}")

    def calm(self) -> None:
        """Replay the days before the drift; no alarm may be on."""
        with self.timeline.step("live days, as the model knows them") as moment:
            found = self._watch(self.world.drift)
            moment.day = self.traffic.now
            wrong = [alarm for alarm in found if alarm.action in ("retrain", "rollback", "page")]
            if wrong:
                raise PipelineError(f"drill: an alarm without a reason: {_in_words(wrong[0])}")
            moment.sentences.append(f"{self.traffic.sent:,} records, no alarm that asks for action")

    def drift(self) -> None:
        """Let the target change its meaning, and wait for the alarm that asks for retraining."""
        with self.timeline.step("drift: a change of meaning, and its alarm", "alarm") as moment:
            moment.sentences.append(f"from {self.world.drift:%d %B} on {self.world.change}")
            for _ in range(WATCHED_DAYS):
                asked = [one for one in self._watch(self.traffic.now + DAY) if one.action == "retrain"]
                if asked:
                    moment.day = self.traffic.now
                    moment.sentences.append(f"{_in_words(asked[0])}; a label takes {self.delay:g} days")
                    return
            raise PipelineError(f"drill: {WATCHED_DAYS} days after the drift no alarm asks for retraining")

    def _watch(self, until: pd.Timestamp) -> list[Alarm]:
        """Replay up to a day, and return the alarms that are open then."""
        self.traffic.run(until)
        self._export()
        servable = Servable.load(self.clone.folder / "models/bundle")
        problem = self.world.problem
        source = Source(
            servable, problem, self.folder / COPY, self.folder / LABELS, self.params.ingest.csv, self.delay, 60
        )
        monitor, evaluate = (
            fill(self.params.monitor, problem, "monitor"),
            fill(self.params.evaluate, problem, "evaluate"),
        )
        live, watched = look_at_log(source, monitor, evaluate, self.traffic.now)
        write_files(self.folder / FINDINGS, live.findings, watched, live.subject)
        return [alarm for alarm in live.findings.alarms if alarm.open]

    def _export(self) -> None:
        self.traffic.write_log(self.folder / LOG, self.folder / COPY)
        self.traffic.write_labels(self.folder / LABELS)

    def retrain(self) -> None:
        """Learn from the days with the drift, once there are enough, and register the challenger."""
        with self.timeline.step("retrain: release retrain, release register") as moment:
            begin = self.world.drift + (2 * self.test_days + self.delay) * DAY
            self.traffic.run(max(self.traffic.now, begin))
            new = str(self._part("part-2", self.world.live, self.traffic.now))
            said = self.clone.mlops("release", "retrain", "--new", new, "--findings", str(self.folder / FINDINGS))
            branch = said.rpartition("branch ")[2].partition(",")[0]
            moment.day = self.traffic.now
            moment.sentences.append(said.strip().splitlines()[-1])
            self.clone.call("git", "merge", "--quiet", branch)
            self.clone.call("dvc", "checkout", "--quiet")
            moment.sentences.append(self._release("register", "--why", "the alarm asked for it"))

    def _sources(self, since: pd.Timestamp) -> list[str]:
        """Return the options of a step that is judged by the log, in the time of the records."""
        self._export()
        paths = ["--log", str(self.folder / COPY), "--labels", str(self.folder / LABELS)]
        return [*paths, "--since", str(since), "--as-of", str(self.traffic.now)]

    def shadow(self) -> None:
        """Let the challenger score beside the champion until the labels tell which is better."""
        with self.timeline.step("shadow: both models score, one answers") as moment:
            since = self.traffic.now
            moment.sentences.append(self._release("shadow", self._newest(), "--why", "passed offline"))
            self.traffic.run(since + (SHADOW_DAYS + self.delay) * DAY)
            moment.day = self.traffic.now
            start = ["canary", self._newest(), "--why", "better in the shadow", *self._sources(since)]
            moment.sentences.append(self._release(*start))

    def canary(self) -> None:
        """Let the challenger answer more and more entities, then all."""
        with self.timeline.step("canary: 5, 25, 100 % of the entities, then promote") as moment:
            for step in ("canary", "canary", "promote"):
                since = self.traffic.now
                self.traffic.run(since + CANARY_DAYS * DAY)
                start = [step, self._newest(), "--why", "as safe as the champion", *self._sources(since)]
                moment.sentences.append(self._release(*start))
            moment.day = self.traffic.now

    def bad_model(self) -> None:
        """Register a version that alerts on nearly everything; the watch takes it back without asking."""
        with self.timeline.step("a bad version, and automatic rollback", "alarm") as moment:
            self.clone.change_params({"decide.threshold": 0.0005, "decide.alert_budget_per_day": None})
            self.clone.call("dvc", "repro", "--quiet")
            self.clone.commit("A threshold that is far too low")
            self._release("register", "--why", "somebody has changed a threshold")
            self._release("shadow", self._newest(), "--why", "it ranks as well as the champion")
            since = self.traffic.now
            moment.sentences.append("its ranking is as good, so the offline gate passes")
            start = ["ab", self._newest(), "--why", "an A/B test may tell more", *self._sources(since)]
            moment.sentences.append(self._release(*start))
            for _ in range(BAD_DAYS):
                self.traffic.run(self.traffic.now + DAY)
                watch = ("release", "watch", "--log", str(self.folder / LOG), "--once")
                said = self.clone.mlops(*watch, codes=tuple(EXIT_CODES.values())).strip().splitlines()
                if self._route().mode == "single":
                    break
            else:
                raise PipelineError(f"drill: the bad version was not taken back in {BAD_DAYS} days: {said}")
            moment.sentences += said
            moment.day = self.traffic.now

    def _route(self) -> Route:
        route = read_route(self.clone.folder / "serving")
        if route is None:
            raise PipelineError("drill: the route has gone")
        return route

    def audit(self) -> None:
        """Prove that the audit log is whole."""
        with self.timeline.step("audit: every decision and every step is in the chain") as moment:
            self.clone.end_service()
            for action in ("anchor", "verify"):
                said = self.clone.mlops("release", "audit", action, "--log", "serving/audit")
                moment.sentences += said.strip().splitlines()


def _in_words(alarm: Alarm) -> str:
    cut = "" if alarm.cut is None else f", most in {alarm.cut.where} ({alarm.cut.share:.0%} of the change)"
    return f"{alarm.kind}: {', '.join(alarm.suspects) or 'no suspect'}{cut}: {alarm.action}, since {alarm.since.date()}"


def drill(argv: Sequence[str]) -> None:
    """Run the drill, print its timeline, and write it as a page."""
    parser = argparse.ArgumentParser(prog="mlops.py drill", description="Live through a model's life in minutes.")
    parser.add_argument("--html", type=Path, default=Path("report/drill.html"), help="the timeline as a page")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the clone and the logs there")
    options = parser.parse_args(argv)
    if not Path(RECORDS).is_file():
        raise PipelineError(f"{RECORDS}: no such file; the drill lives on the project's own records: dvc repro ingest")
    world = drill_world(read_table(RECORDS), load_problem(load_params().problem))
    with tempfile.TemporaryDirectory(prefix="drill-", ignore_cleanup_errors=True) as temporary:
        live = Drill(Path(temporary) if options.keep is None else options.keep.resolve(), world)
        live.run()
    about = (
        f"{live.traffic.sent:,} records of {LIVE_DAYS} days, each asked for alone;"
        f" {live.traffic.failed} requests failed."
        f" In the clone these knobs differ, to be quick: {', '.join(QUICK)}."
    )
    with atomic(options.html) as page:
        page.write_text(timeline_page(live.timeline, about), encoding="utf-8")
    print(f"{live.timeline.seconds:.0f} s in all. {about}\n{options.html}")
    if live.traffic.failed:
        raise PipelineError(f"drill: {live.traffic.failed} requests failed, none may")
