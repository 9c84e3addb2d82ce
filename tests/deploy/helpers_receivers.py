"""Stand-ins for what Alertmanager tells: a web server and a mail server on loopback that keep what they get.

The schemas are those that the receivers publish, written anew: PagerDuty's in its OpenAPI document of the Events API v2
(repository PagerDuty/api-schema, reference/events-v2), Opsgenie's in its own (opsgenie/opsgenie-oas, definitions/alert)
with the limits of the page "Alert API". Beyond them no unknown field is let through: a misspelt one would be ignored.
"""

import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.deploy.helpers_alerting import wait_until

TEXT = {"type": "string"}
ADDRESS = {"type": "string", "pattern": "^https?://"}


def record(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def text(limit: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": limit}


PAGERDUTY_EVENT = record(
    ["routing_key", "event_action"],
    routing_key=text(32),
    event_action={"enum": ["trigger", "acknowledge", "resolve"]},
    dedup_key=text(255),
    client=TEXT,
    client_url=ADDRESS,
    links={"type": "array", "items": record(["href"], href=ADDRESS, text=TEXT)},
    images={"type": "array", "items": record(["src"], src=ADDRESS, href=ADDRESS, alt=TEXT)},
    payload=record(
        ["summary", "severity", "source"],
        summary=text(1024),
        timestamp={"type": "string", "format": "date-time"},
        severity={"enum": ["critical", "warning", "error", "info"]},
        source=text(1024),
        component=TEXT,
        group=TEXT,
        custom_details={"type": "object"},
        **{"class": TEXT},
    ),
) | {
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
    "else": {"required": ["dedup_key"]},
}
RECIPIENT = record(
    ["type"], type={"enum": ["team", "user", "escalation", "schedule"]}, id=TEXT, name=TEXT, username=TEXT
)
OPSGENIE_ACTION = {"user": text(100), "note": text(25_000), "source": text(100)}
OPSGENIE_ALERT = record(
    ["message"],
    message=text(130),
    alias=text(512),
    description=text(15_000),
    responders={"type": "array", "items": RECIPIENT, "maxItems": 50},
    visibleTo={"type": "array", "items": RECIPIENT, "maxItems": 50},
    actions={"type": "array", "items": text(50), "maxItems": 10},
    tags={"type": "array", "items": text(50), "maxItems": 20},
    details={"type": "object", "additionalProperties": TEXT},
    entity=text(512),
    priority={"enum": ["P1", "P2", "P3", "P4", "P5"]},
    **OPSGENIE_ACTION,
)
OPSGENIE_CLOSING = record([], **OPSGENIE_ACTION)


class Received(NamedTuple):
    """A request, and when it came."""

    at: float
    path: str
    headers: dict[str, str]
    body: Any


def answer(request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    """Answer a request with JSON."""
    request.send_response(status)
    request.send_header("content-type", "application/json")
    request.send_header("content-length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


class Receivers:
    """A web server that takes everything."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        kept = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                at, content = time.monotonic(), self.rfile.read(int(self.headers.get("content-length", 0)))
                body = json.loads(content) if content[:1] in (b"{", b"[") else content.decode()
                kept.append(Received(at, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                said = b"ok" if self.path == "/slack" else b'{"status": "success", "requestId": "1"}'
                answer(self, 200 if self.path in ("/slack", "/alerts") else 202, said)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port

    def wait(self, path: str, seconds: float, matches: Callable[[Any], bool] = bool) -> Received:
        """Wait for the first request to a path, or below it, whose body matches."""
        found = wait_until(lambda: self._find(path, matches), seconds, f"a request to {path}: {self.received}")
        return found[0]

    def webhooks(self) -> list[dict[str, Any]]:
        """Return the alerts that have come to the webhook so far."""
        return [alert for each in self.received if each.path == "/alerts" for alert in each.body["alerts"]]

    def _find(self, path: str, matches: Callable[[Any], bool]) -> list[Received]:
        return [each for each in self.received if each.path.startswith(path) and matches(each.body)]


class Mailbox(socketserver.ThreadingTCPServer):
    """A mail server that takes every message, from whoever gives a password."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.messages: list[str] = []
        self.port = self.server_address[1]


class Conversation(socketserver.StreamRequestHandler):
    """What one client says, as far as SMTP is needed here."""

    def handle(self) -> None:
        self._say("220 stand-in")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "EHLO":
                self._say("250-stand-in\r\n250 AUTH PLAIN")
            elif word == "AUTH":
                self._say("235 ok")
            elif word == "DATA":
                self._say("354 go on")
                lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
                self.server.messages.append("\n".join(lines))  # type: ignore[attr-defined]
                self._say("250 ok")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def receivers() -> Iterator[tuple[Receivers, Mailbox]]:
    """Run both servers."""
    web, mail = Receivers(), Mailbox()
    for server in (web.server, mail):
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield web, mail
    finally:
        for server in (web.server, mail):
            server.shutdown()
            server.server_close()
