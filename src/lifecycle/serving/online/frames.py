"""Messages on a stream of bytes: a length of four bytes, and that many bytes of MessagePack."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from lifecycle.features.online.record import Change
from lifecycle.features.online.schema import Event, Label

LENGTH = 4
_encode = msgspec.msgpack.Encoder().encode


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


def packed(event: Event | Label) -> Change:
    """Return an event as it travels: a label has no time."""
    return Change(event.key, event.time if isinstance(event, Event) else None, event.values)


def unpacked(change: Change) -> Event | Label:
    """Return what `packed` was given."""
    if change.time is None:
        return Label(change.key, dict(change.values))
    return Event(change.time, change.key, dict(change.values))
