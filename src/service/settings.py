"""Every knob of the service: environment variables SERVE_*, read once and checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Any

from lifecycle.core.errors import PipelineError

PREFIX = "SERVE_"
BUNDLE = Path("models/bundle")
# What platforms set: Vertex AI, SageMaker and OpenTelemetry. A variable of our own goes before theirs.
PLATFORMS = {
    "AIP_HTTP_PORT": "port",
    "AIP_HEALTH_ROUTE": "health_route",
    "AIP_PREDICT_ROUTE": "predict_route",
    "AIP_STORAGE_URI": "bundle",
    "SAGEMAKER_BIND_TO_PORT": "port",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "otlp_endpoint",
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}|").fullmatch  # as params.yaml has it: it stands in paths
ROUTE = re.compile(r"/[A-Za-z0-9._~:/@!$&'()*+,;=%-]*").fullmatch
PATHS = {"SERVE_PREDICT_ROUTE", "SERVE_HEALTH_ROUTE"}
POLICIES = ("refuse", "degrade")
BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


def knob(default: Any, meaning: str, ge: float | None = None, le: float | None = None) -> Any:
    """Return a field: its default, what it means (with the unit), and the range in which it makes sense."""
    return field(default=default, metadata={"meaning": meaning, "ge": ge, "le": le})


@dataclass(frozen=True)
class Settings:
    """The knobs. SERVE_HOST is `host`, and so on."""

    bundle: Path = knob(BUNDLE, "folder of the bundle; what replaces it is served without a restart")  # noqa: RUF009
    route: str = knob("", "folder of an environment, with route.json and bundles/; empty: SERVE_BUNDLE is served")
    model_name: str = knob("", "name in paths and answers; empty: the bundle's")
    host: str = knob("127.0.0.1", "address to listen on; 0.0.0.0: every interface")
    port: int = knob(8080, "port to listen on; 0: any that is free", 0, 65535)
    workers: int = knob(1, "processes", 1, 256)
    max_body: int = knob(4 << 20, "bytes of a request's body, also once decompressed", 1, 1 << 30)
    max_rows: int = knob(1000, "rows in a request", 1, 1_000_000)
    max_header: int = knob(16 << 10, "bytes of a request's path and headers", 256, 1 << 20)
    max_connections: int = knob(1024, "open connections of a process; one more gets a 503", 1, 100_000)
    max_wait_ms: float = knob(50.0, "ms that a request may have to wait for others; longer: 503 and Retry-After", 0.1)
    request_timeout: float = knob(30.0, "s for a client to send a request, and for a store to answer", 0.1)
    keep_alive: float = knob(75.0, "s that an idle connection stays open", 0.1)
    linger_seconds: float = knob(1.0, "s after SIGTERM in which new connections are still answered", 0)
    drain_seconds: float = knob(20.0, "s after SIGTERM at which the process ends, whatever is unfinished", 0.1)
    poll_seconds: float = knob(1.0, "s between two looks at the bundle's folder; 0: only on SIGHUP", 0)
    store: str = knob("none", "history of raw transactions: none, memory, a folder, or redis://host:port/db")
    max_ahead: float = knob(86400.0, "s that an event's time may be after the clock", 0)
    log: str = knob("-", "decision log, JSON lines: - (standard output), none, or a file")
    log_values: bool = knob(False, "1: the decision log also holds the values of features")
    audit: str = knob("", "folder of the audit log, which holds every decision; empty: none is kept")
    audit_policy: str = knob("refuse", "refuse: no answer before its record is on disk; degrade: answers do not wait")
    audit_keys: str = knob("", "file of the keys of its pseudonyms, outside any repository; made when it is not there")
    api_keys: str = knob("", "file of `name:sha256hex` lines, one a client; empty: no keys are asked for")
    tls_cert: str = knob("", "file of the certificate chain, PEM; empty: plain HTTP")
    tls_key: str = knob("", "file of its private key, PEM")
    cors_origins: str = knob("", "origins whose pages a browser lets ask, separated by spaces; *: any; empty: none")
    otlp_endpoint: str = knob("", "OpenTelemetry collector that gets a span of each request: http://host:4318")
    predict_route: str = knob("/vertex/predict", "path for Vertex AI predictions")
    health_route: str = knob("", "one more path for readiness")


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings of an environment.

    Raises
    ------
    PipelineError
        A SERVE_ name that is none of the knobs, or a value that can't be right.
    """
    known = {PREFIX + each.name.upper(): each for each in fields(Settings)}
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise PipelineError(f"{', '.join(unknown)}: no such setting; there are {', '.join(known)}")
    given = {name: environ[name] for name in environ if name in known}
    for theirs, ours in PLATFORMS.items():
        name = PREFIX + ours.upper()
        if environ.get(theirs) and name not in given:
            given[name] = mounted(environ[theirs]) if ours == "bundle" else environ[theirs]
    settings = Settings(**{known[name].name: parsed(name, known[name], text) for name, text in given.items()})
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise PipelineError("SERVE_TLS_CERT and SERVE_TLS_KEY: give both, or neither")
    if bool(settings.audit) != bool(settings.audit_keys):
        raise PipelineError("SERVE_AUDIT and SERVE_AUDIT_KEYS: give both, or neither")
    return settings


def parsed(name: str, knob: Any, text: str) -> Any:
    """Return a variable's value in the type of its default; see `load_settings`."""
    kind, limits = type(knob.default), knob.metadata
    try:
        value = BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError):
        words = {bool: "0 or 1", int: "a whole number", float: "a number"}
        raise PipelineError(f"{name}={text}: expected {words[kind]}, {limits['meaning']}") from None
    low, high = limits["ge"], limits["le"]
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        span = f"at least {low}" if high is None else f"{low} to {high}"
        raise PipelineError(f"{name}={text}: expected {span}; {limits['meaning']}")
    if kind is float and not isfinite(value):
        raise PipelineError(f"{name}={text}: expected a finite number; {limits['meaning']}")
    if name in PATHS and text and not ROUTE(text):
        raise PipelineError(f"{name}={text}: expected a path that begins with /, without ?, #, braces and spaces")
    if text == "" and knob.default != "":
        raise PipelineError(f"{name} is empty; unset it for {shown(knob.default)}; {limits['meaning']}")
    if name == "SERVE_AUDIT_POLICY" and text not in POLICIES:
        raise PipelineError(f"{name}={text}: expected {' or '.join(POLICIES)}; {limits['meaning']}")
    if name == "SERVE_MODEL_NAME" and not NAME(text):
        raise PipelineError(f"{name}={text}: expected letters, digits and ._- , at most 63: it stands in paths")
    return value


def mounted(place: str) -> str:
    """Return the folder of Vertex AI's AIP_STORAGE_URI: a path, or a bucket that is mounted under /gcs."""
    if "://" not in place:
        return place
    folder = Path("/gcs") / place.removeprefix("gs://")
    if place.startswith("gs://") and folder.is_dir():
        return str(folder)
    advice = "mount the bucket under /gcs, or put the bundle into the image and set SERVE_BUNDLE"
    raise PipelineError(f"AIP_STORAGE_URI={place}: the service reads folders only; {advice}")


def table() -> str:
    """Return all knobs in lines: name, default, meaning."""
    lines = ((PREFIX + each.name.upper(), shown(each.default), each.metadata["meaning"]) for each in fields(Settings))
    return "\n".join(f"  {name:<22} {default:<14} {meaning}" for name, default, meaning in lines)


def shown(default: Any) -> str:
    """Return a default as one would write it in the environment."""
    return str(int(default)) if isinstance(default, bool) else str(default) or "(empty)"
