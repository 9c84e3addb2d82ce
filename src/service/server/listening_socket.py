"""The socket that connections come in by: opened with words when it can't be, closed without a connection lost."""

import ctypes
import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from lifecycle.core.errors import PipelineError

ATTACH_FILTER = 26  # Linux' SO_ATTACH_FILTER
# A classic BPF program over the TCP header: drop what has the flag SYN, which asks for a new connection.
NO_SYN = (
    (0x30, 0, 0, 13),  # load the byte of flags
    (0x45, 0, 1, 0x02),  # is SYN set?
    (0x06, 0, 0, 0),  # yes: drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # no: let it through
)


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that is bound and does not listen yet.

    Raises
    ------
    PipelineError
        The address is none of this machine's, or another program has it.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", "no name of a machine")
        raise PipelineError(f"SERVE_HOST={host}: {why}") from error
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after a restart at once
    found.setblocking(False)
    with told(host, port):
        found.bind(address)
    return found


@contextmanager
def told(host: str, port: int) -> Iterator[None]:
    """Tell in words why an address can't be had; of two programs that bind it at once, the second to listen can't."""
    try:
        yield
    except OSError as error:
        in_use = f"another program listens on port {port}; set SERVE_PORT to another one, or to 0"
        advice = {errno.EADDRINUSE: in_use, errno.EACCES: f"port {port} is for root only; set SERVE_PORT"}
        raise PipelineError(f"{host}:{port}: {advice.get(error.errno or 0, error.strerror)}") from error


def refuse_new(listening: socket.socket) -> None:
    """Let no new connection begin on a listening socket; what waits in its queue stays.

    A client's attempt is not answered from now on. It tries again by itself a second later, and is then told that
    nobody listens: it has sent nothing by then, so nothing is lost.
    """
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in NO_SYN))
    try:
        pointer = struct.pack("HL", len(NO_SYN), ctypes.addressof(program))
        listening.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, pointer)
    except OSError:  # not Linux: a shorter queue is the next best
        listening.listen(0)
