"""Cross-origin requests: which pages of other origins a browser lets ask, where the settings name any."""

from collections.abc import Mapping

from service.http_messages import Headers, Reply

ALWAYS = ((b"vary", b"origin"),)
SHOWN = b"x-request-id, retry-after, traceparent, inference-header-content-length"
TAKEN = (
    b"authorization, content-type, content-encoding, x-api-key, x-request-id, traceparent,"
    b" inference-header-content-length"
)
HOUR = b"3600"


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
