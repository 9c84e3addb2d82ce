"""What workers and the store process say to each other: messages in frames, and the socket where they meet."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lifecycle.core.errors import PipelineError
from lifecycle.features.online.record_schema import Event, Label
from lifecycle.features.online.state import Change

LENGTH = 4
_encode = msgspec.msgpack.Encoder().encode
SOCKET = "store.sock"
LONGEST = 100  # bytes of a socket's path that every system takes


class Ask(NamedTuple):
    """What a worker asks of the store process: its number, what to do, and with which events or text."""

    number: int
    what: str
    events: Sequence[Change] = ()
    text: str = ""


class Reply(NamedTuple):
    """What the store process answers: the question's number, what was found, or why it was refused."""

    number: int
    found: Any
    refused: tuple[int, str, str, str | None] | None = None


def sent(message: Ask | Reply) -> bytes:
    """Return a message as bytes."""
    content = _encode(message)
    return len(content).to_bytes(LENGTH, "big") + content


class Frames:
    """What has come of a stream.

    Parameters
    ----------
    kind : type
        Of the messages on it.
    """

    def __init__(self, kind: Any) -> None:
        self._left = bytearray()
        self._decode: Callable[[Any], Any] = msgspec.msgpack.Decoder(kind).decode

    def feed(self, data: bytes) -> Iterator[Any]:
        """Yield the messages that have come whole."""
        left = self._left
        left += data
        start = 0
        while len(left) - start >= LENGTH:
            end = start + LENGTH + int.from_bytes(left[start : start + LENGTH], "big")
            if len(left) < end:
                break
            yield self._decode(memoryview(left)[start + LENGTH : end])
            start = end
        del left[:start]


def unpacked(change: Change) -> Event | Label:
    """Return what `packed` was given."""
    if change.time is None:
        return Label(change.key, dict(change.values))
    return Event(change.time, change.key, dict(change.values))


def socket_of(folder: Path) -> str:
    """Return where the store of a folder listens.

    Raises
    ------
    PipelineError
        The path is longer than a socket's may be.
    """
    path = str(folder / SOCKET)
    if len(path.encode()) > LONGEST:
        raise PipelineError(f"SERVE_STORE: {path}: a socket's path has at most {LONGEST} bytes; use a shorter folder")
    return path
