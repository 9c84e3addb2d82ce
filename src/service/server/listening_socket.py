"""The socket that connections come in by: opened with words when it can't be, closed without a connection lost."""

import ctypes
import errno
import socket
import struct
from collections.abc import Iterator

from lifecycle.core.errors import PipelineError

QUEUE = 2048  # connections that wait to be accepted
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
    except OSError as error:
        raise PipelineError(f"SERVE_HOST={host}: {error.strerror}") from error
    except UnicodeError as error:
        raise PipelineError(f"SERVE_HOST={host}: no name of a machine") from error
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after a restart at once
        found.bind(address)
    except OSError as error:
        found.close()
        raise _unusable(host, port, error) from error
    found.setblocking(False)
    return found


def listen(listening: socket.socket) -> None:
    """Let connections come in.

    Raises
    ------
    PipelineError
        Another program that was started at the same time has the address.
    """
    try:
        listening.listen(QUEUE)
    except OSError as error:
        host, port = listening.getsockname()[:2]
        raise _unusable(host, port, error) from error


def _unusable(host: str, port: int, error: OSError) -> PipelineError:
    in_use = f"another program listens on port {port}; set SERVE_PORT to another one, or to 0"
    advice = {errno.EADDRINUSE: in_use, errno.EACCES: f"port {port} is for root only; set SERVE_PORT"}
    return PipelineError(f"{host}:{port}: {advice.get(error.errno or 0, error.strerror)}")


def refuse_new(listening: socket.socket) -> None:
    """Let no new connection begin on a listening socket; what waits in its queue stays.

    A client's attempt is not answered from now on. It tries again by itself a second later, and is then told that
    nobody listens: it has sent nothing by then, so nothing is lost.
    """
    program = b"".join(struct.pack("HBBI", *step) for step in NO_SYN)
    buffer = ctypes.create_string_buffer(program)
    try:
        pointer = struct.pack("HL", len(NO_SYN), ctypes.addressof(buffer))
        listening.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, pointer)
    except OSError:  # not Linux: a shorter queue is the next best
        listening.listen(0)


def waiting(listening: socket.socket) -> Iterator[socket.socket]:
    """Yield the connections that stand in the queue of a listening socket."""
    while True:
        try:
            yield listening.accept()[0]
        except BlockingIOError:
            return
        except ConnectionError:  # the client has gone again
            continue
