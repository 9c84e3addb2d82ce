"""The command `serve`: predictions over HTTP in every protocol of service/protocols.

    python src/mlops.py serve                one process
    python src/mlops.py serve --workers 4    several behind one socket
    python src/mlops.py serve --ready        ask the one that runs under the same settings: the probe of a container
    python src/mlops.py serve --help         every knob: environment variables SERVE_*

Reads   models/bundle/ (SERVE_BUNDLE), and again whenever it changes
Writes  the decision log (SERVE_LOG), and what the online store keeps (SERVE_STORE)
"""

import argparse
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

from lifecycle.core.errors import PipelineError
from service.process_identity import Place
from service.server.listening_socket import bound
from service.settings import Settings, load_settings, table


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="mlops.py serve",
        description="Serve the bundle over HTTP.",
        epilog=f"environment variables, their defaults and what they mean:\n{table()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--workers", metavar="N", help="processes; the same as SERVE_WORKERS")
    parser.add_argument(
        "--ready", action="store_true", help="ask the running service whether it is ready; 1: it is not"
    )
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)  # how `Parent` starts one
    return parser.parse_args(argv)


def end(number: int, frame: FrameType | None) -> None:
    """End while nothing is served yet; a container's first process would ignore the signal otherwise.

    At once: an exception in the middle of an import would be told as an import that failed.
    """
    os._exit(0)


def probe(settings: Settings) -> None:
    """Ask the service that runs here under these settings whether it is ready.

    An image without a shell has no curl. The certificate is not checked: it need not name this address.

    Raises
    ------
    PipelineError
        It is not ready, or does not answer within 4 s.
    """
    from http.client import HTTPConnection, HTTPSConnection
    from ssl import CERT_NONE, create_default_context

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    connection = HTTPConnection(host, settings.port, timeout=4)
    if settings.tls_cert:
        context = create_default_context()
        context.check_hostname, context.verify_mode = False, CERT_NONE
        connection = HTTPSConnection(host, settings.port, timeout=4, context=context)
    try:
        connection.request("GET", "/health/ready")
        status = connection.getresponse().status
    except OSError as error:
        raise PipelineError(f"{host}:{settings.port} does not answer: {error}") from error
    if status != 200:
        raise PipelineError(f"{host}:{settings.port} is not ready: it answers {status}")


def serve(argv: Sequence[str]) -> None:
    """Serve until SIGTERM.

    Raises
    ------
    PipelineError
        Something that the settings name can't be used, or the system is one that this does not run on.
    """
    if sys.platform == "win32":
        raise PipelineError("the service needs Linux or macOS; on Windows run it in WSL or a container")
    try:
        _serve(argv)
    except MemoryError as error:
        advice = "give the process more: with ONNX Runtime it takes 300 MB and what the store holds"
        raise PipelineError(f"there is too little memory to serve; {advice}") from error


def _serve(argv: Sequence[str]) -> None:
    import resource

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what is read at the start is the newest anyway

    with suppress(OSError, ValueError):  # as many connections as the system allows, not as few as a shell begins with
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    options = arguments(argv)
    if options.workers is not None:
        os.environ["SERVE_WORKERS"] = options.workers
    settings = load_settings(os.environ)
    if options.ready:
        probe(settings)
        return
    if options.worker is None and settings.workers > 1:  # the parent needs no numpy, and is small therefore
        from service.workers import Parent

        Parent(settings, bound(settings.host, settings.port)).run()
    from service.process import Process

    if options.worker is None:
        Process(settings, bound(settings.host, settings.port), Place.only()).run()
    else:
        place, file = options.worker
        Process(settings, socket.socket(fileno=int(file)), Place.parse(place)).run()
