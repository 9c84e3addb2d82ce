"""Serve the bundle: predictions over HTTP in every protocol of lifecycle/serving/protocols.

    python src/serve.py                  one process
    python src/serve.py --workers 4      several behind one socket
    python src/serve.py serve            how Amazon SageMaker starts it
    python src/serve.py --help           every knob: environment variables SERVE_*

Reads   models/bundle/ (SERVE_BUNDLE), and again whenever it changes
Writes  the decision log (SERVE_LOG), and what the online store keeps (SERVE_STORE)
"""

import argparse
import os
import resource
import signal
import socket
from contextlib import suppress
from pathlib import Path
from types import FrameType

from lifecycle.serving import settings as knobs
from lifecycle.serving.http.listening import listener
from lifecycle.serving.processes.place import Place
from lifecycle.stage import run


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Serve the bundle over HTTP.",
        epilog=f"environment variables, their defaults and what they mean:\n{knobs.table()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", nargs="?", choices=["serve"], help="changes nothing: Amazon SageMaker says it")
    parser.add_argument("--workers", metavar="N", help="processes; the same as SERVE_WORKERS")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)  # how lifecycle.serving.processes starts one
    return parser.parse_args()


def end(number: int, frame: FrameType | None) -> None:
    """End while nothing is served yet; a container's first process would ignore the signal otherwise.

    At once: an exception in the middle of an import would be told as an import that failed.
    """
    os._exit(0)


def main() -> None:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what is read at the start is the newest anyway
    with suppress(OSError, ValueError):  # as many connections as the system allows, not as few as a shell begins with
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    options = arguments()
    if options.workers is not None:
        os.environ["SERVE_WORKERS"] = options.workers
    settings = knobs.load_settings(os.environ)
    if options.worker is None and settings.workers > 1:
        from lifecycle.serving.processes.workers import Parent  # noqa: PLC0415 needs no numpy, and is small therefore

        Parent(settings, listener(settings.host, settings.port), Path(__file__)).run()
    from lifecycle.serving.processes.process import Process  # noqa: PLC0415

    if options.worker is None:
        Process(settings, listener(settings.host, settings.port), Place.only()).run()
    else:
        place, file = options.worker
        Process(settings, socket.socket(fileno=int(file)), Place.parse(place)).run()


if __name__ == "__main__":
    run(main)
