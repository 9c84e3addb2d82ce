"""The command `monitor`: look at a service once, or stay and answer Prometheus."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server

from lifecycle.bundle.manifest import read_manifest
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.core.monitor_params import SEVERITY
from lifecycle.core.params import EvaluateParams, Params, load_params
from lifecycle.monitoring.decision_log import now
from lifecycle.monitoring.detectors.reference import LEAST_WINDOWS
from lifecycle.monitoring.findings_files import write_files
from lifecycle.monitoring.gauges import Gauges, cause_of, push
from lifecycle.monitoring.live import Live, Source, look
from lifecycle.problem.loading import fill, load_problem

# Apart from 1 and 2, which say that the command could not do its work.
EXIT_CODES = {"none": 0, "ticket": 10, "retrain": 11, "rollback": 12, "page": 13}
STOPPED = 130


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line."""
    codes = ", ".join(f"{code} {action}" for action, code in EXIT_CODES.items())
    parser = argparse.ArgumentParser(
        prog="mlops.py monitor",
        description="Watch what a service has decided: its decision log, and the labels that came later.",
        epilog=f"Exit code by the worst open alarm: {codes}.",
    )
    parser.add_argument("--log", required=True, type=Path, help="the service's SERVE_LOG; rotated files beside it too")
    parser.add_argument("--labels", type=Path, help="CSV or parquet: request_id, the target; row, entity, amount")
    parser.add_argument("--bundle", default=Path("models/bundle"), type=Path, help="what is served; models/bundle")
    parser.add_argument("--days", default=56, type=int, help="how far back the log is read; 56")
    parser.add_argument("--output", type=Path, help="folder for the page, the tables and alarms.json")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--once", action="store_true", help="look once; this is the default")
    kind.add_argument("--push", metavar="HOST:PORT", help="look once, and push the gauges to a Pushgateway")
    kind.add_argument("--port", type=int, help="stay, and answer Prometheus on this port")
    parser.add_argument("--host", default="127.0.0.1", help="address for --port; 127.0.0.1")
    parser.add_argument("--every", default=300.0, type=float, help="seconds between two looks with --port; 300")
    options = parser.parse_args(argv)
    if options.days < 1 or options.every <= 0:
        parser.error("--days and --every must be above 0")
    if options.port is not None and not 0 <= options.port < 1 << 16:
        parser.error("--port must be a number from 0 to 65535; 0: any that is free")
    return options


class Observer:
    """Looks again and again; the bundle is opened anew when another one stands in its place."""

    def __init__(self, options: argparse.Namespace, params: Params) -> None:
        self._options, self._params = options, params
        self._servable = Servable.load(options.bundle)

    def look(self) -> Live:
        """Return what is known now.

        Raises
        ------
        PipelineError
            The bundle, the log or the labels can't be read.
        """
        options, params = self._options, self._params
        if read_manifest(options.bundle).version != self._servable.version:
            self._servable = Servable.load(options.bundle)
        problem = load_problem(self._servable.schema["problem"])
        monitor = fill(params.monitor, problem, "monitor")
        evaluate: EvaluateParams = fill(params.evaluate, problem, "evaluate")
        delay = float(fill(params.split, problem, "split").delay_days or 0)
        source = Source(self._servable, problem, options.log, options.labels, params.ingest.csv, delay, options.days)
        live, watched = look(source, monitor, evaluate, now())
        if options.output is not None:
            write_files(options.output, live.findings, watched, live.subject)
        return live


def lines_about(live: Live) -> list[str]:
    """Return what the command prints: what was seen, what was not, and every open alarm."""
    counts, windows = live.findings.counts, live.findings.windows
    known = sum(window.labelled for window in windows)
    seen = f"{int(counts.records.sum()):,} records on {counts.days} days, {known:,} labels known"
    lines = [f"{live.subject.name} {live.subject.version}: {seen}"]
    if not live.reference.is_calibrated:
        found = f"the bundle was calibrated on {live.reference.windows} windows, {LEAST_WINDOWS} are needed"
        lines.append(f"drift is not watched: {found}")
    if live.subject.unwatched:
        names = ", ".join(live.subject.unwatched)
        lines.append(f"not in the log, so not watched: {names} (SERVE_LOG_VALUES=1 logs values)")
    lines += [f"left out: {count:,} {reason}" for reason, count in live.subject.left_out.items()]
    alarms = [alarm for alarm in live.findings.alarms if alarm.open]
    for alarm in alarms:
        where = "" if alarm.cut is None else f", most in {alarm.cut.where} ({alarm.cut.share:.0%} of the change)"
        lines.append(
            f"{alarm.action}: {alarm.kind} since {alarm.since.date()}, {alarm.size:.1f} times its limit,"
            f" {cause_of(alarm)}{where}: {alarm.reason}"
        )
    return lines if alarms else [*lines, "no alarm is open"]


def worst_action(live: Live) -> str:
    """Return the worst action that an open alarm asks for."""
    actions = [alarm.action for alarm in live.findings.alarms if alarm.open]
    return max(actions, key=SEVERITY.index, default="none")


def stay(observer: Observer, gauges: Gauges, every: float) -> None:
    """Look again and again; what fails once may work the next time, and an old time of the last look tells it."""
    while True:
        time.sleep(every)
        try:
            gauges.live = observer.look()
        except PipelineError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)


def monitor(argv: Sequence[str]) -> None:
    """Watch the service that the command line names."""
    options = parse(argv)
    observer = Observer(options, load_params())
    try:
        live = observer.look()
        if options.port is not None:
            gauges, registry = Gauges(live), CollectorRegistry()
            registry.register(gauges)
            serve(registry, options.host, options.port)
            stay(observer, gauges, options.every)
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    if options.push is not None:
        push(live, options.push)
    print("\n".join(lines_about(live)))
    sys.exit(EXIT_CODES[worst_action(live)])


def serve(registry: CollectorRegistry, host: str, port: int) -> None:
    """Answer Prometheus beside the looks.

    Raises
    ------
    PipelineError
        The address can't be had.
    """
    try:
        server, _ = start_http_server(port, host, registry)
    except OSError as error:
        raise PipelineError(f"--port {port}: {error.strerror or error}") from error
    print(f"gauges on http://{host}:{server.server_port}/metrics", flush=True)
