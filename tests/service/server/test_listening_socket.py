import socket
import sys
from collections.abc import Iterator

import pytest

from lifecycle.core.errors import PipelineError
from service.server.listening_socket import bound, refuse_new


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with bound("127.0.0.1", 0) as found:
        found.listen(2048)
        yield found


def client(listening: socket.socket) -> socket.socket:
    return socket.create_connection(listening.getsockname(), timeout=0.3)


def test_a_port_that_is_taken_is_told_in_words(listening: socket.socket) -> None:
    with pytest.raises(PipelineError, match=r"another program listens on port .*; set SERVE_PORT"):
        bound("127.0.0.1", listening.getsockname()[1])


def test_an_address_of_another_machine_is_told_in_words() -> None:
    with pytest.raises(PipelineError, match=r"192\.0\.2\.1:0"):  # reserved for documentation
        bound("192.0.2.1", 0)
    with pytest.raises(PipelineError, match=r"SERVE_HOST=nobody\.invalid"):
        bound("nobody.invalid", 0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the queue is only made shorter")
def test_who_stands_in_the_queue_is_served_and_nobody_else_gets_in(listening: socket.socket) -> None:
    early = [client(listening) for _ in range(20)]
    for n, each in enumerate(early):
        each.sendall(b"%d" % n)
    refuse_new(listening)
    with pytest.raises(TimeoutError):  # no answer: its system tries again, and is told then that nobody listens
        client(listening)
    accepted = [listening.accept()[0] for _ in early]
    with pytest.raises(BlockingIOError):
        listening.accept()
    assert [each.recv(10) for each in accepted] == [b"%d" % n for n in range(20)]
    address = listening.getsockname()
    listening.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)
    for each in accepted:
        each.sendall(b"served")
    assert {each.recv(10) for each in early} == {b"served"}
