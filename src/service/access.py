"""Who may ask: clients with an API key, and pages of other origins where the settings name any."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from pathlib import Path

from lifecycle.core.errors import PipelineError
from service.http_messages import Headers, Reply
from service.refusal import Refusal

LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,64}):(?P<digest>[0-9a-f]{64})").fullmatch
ALWAYS = ((b"vary", b"origin"),)
SHOWN = b"x-request-id, retry-after, traceparent, inference-header-content-length"
TAKEN = (
    b"authorization, content-type, content-encoding, x-api-key, x-request-id, traceparent,"
    b" inference-header-content-length"
)
HOUR = b"3600"


class Keys:
    """The clients of a file.

    Parameters
    ----------
    path : Path
        Empty lines and lines that begin with # are passed over.

    Raises
    ------
    PipelineError
        It can't be read, has another line, a name twice, or no client at all.
    """

    def __init__(self, path: Path) -> None:
        self._digests: dict[str, str] = {}
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "no text in UTF-8"
            raise PipelineError(f"SERVE_API_KEYS={path}: {why}") from None  # the error would show what the file holds
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = LINE(line.strip())
            if found is None or found["name"] in self._digests:  # the line is not shown: it may be a key itself
                advice = "expected a new name, a colon and the SHA-256 of its key in 64 hex digits"
                raise PipelineError(f"{path}, line {number}: {advice}")
            self._digests[found["name"]] = found["digest"]
        if not self._digests:
            raise PipelineError(f"{path}: holds no key, so nobody could ask; see SERVE_API_KEYS in --help")

    def client(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the name of the client whose key came with a request.

        All keys are compared, each in constant time: how long it takes says nothing about them.

        Raises
        ------
        Refusal
            401.
        """
        digest = hashlib.sha256(key_of(headers)).hexdigest()
        known = [name for name, each in self._digests.items() if hmac.compare_digest(each, digest)]
        if not known:
            message = "this needs an API key: Authorization: Bearer KEY, or X-API-Key: KEY"
            raise Refusal(401, "unauthorized", message, headers=[(b"www-authenticate", b'Bearer realm="predictions"')])
        return known[0]


def key_of(headers: Mapping[bytes, bytes]) -> bytes:
    """Return the key that came with a request, which may be empty."""
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    return key.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")


class Origins:
    """The origins that may ask.

    Parameters
    ----------
    text : str
        Origins such as https://shop.example, separated by spaces; `*`: any.
    """

    def __init__(self, text: str) -> None:
        self._known = frozenset(text.encode().split())

    def headers(self, headers: Mapping[bytes, bytes]) -> Headers:
        """Return what an answer must say so that a page of its origin may read it."""
        origin = headers.get(b"origin")
        if origin is None or not (b"*" in self._known or origin in self._known):
            return ALWAYS
        return (*ALWAYS, (b"access-control-allow-origin", origin), (b"access-control-expose-headers", SHOWN))

    def preflight(self, method: str, headers: Mapping[bytes, bytes]) -> Reply | None:
        """Return the answer to a browser that asks whether it may ask; None when it does not."""
        wanted = headers.get(b"access-control-request-method")
        if method != "OPTIONS" or wanted is None or b"origin" not in headers:
            return None
        allowed = (
            (b"access-control-allow-methods", b"GET, HEAD, POST"),
            (b"access-control-allow-headers", TAKEN),
            (b"access-control-max-age", HOUR),
        )
        return Reply(204, b"text/plain", b"", allowed)
