"""Load for the servers of `compare.py`: so many requests a second, come what may. Not run by itself.

wrk waits for an answer before it asks again, so a slow server is asked less. Here each request has a time at which it
is due, and its answer is timed from then on (an open loop, without coordinated omission).
"""

import gc
import select
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.serving.connection import Connection, request, stays_open
from benchmarks.serving.processes import Running
from benchmarks.serving.server import Question

CONNECTIONS = 64  # open at once, at most
GRACE = 1.0  # seconds in which the last requests have to be answered


class Paced(NamedTuple):
    """Percentiles of the milliseconds from when a request was due until it was answered; infinite: it was not."""

    p50: float
    p99: float
    p999: float


class Clients:
    """Connections that ask when something is due.

    Parameters
    ----------
    port : int
        Of the server.
    requests : sequence of bytes
        What is asked, in turn.
    due : numpy.ndarray, shape (n,)
        Seconds after the start at which each is due, ascending.

    Attributes
    ----------
    took : numpy.ndarray, shape (n,)
        Milliseconds from then until a good answer was complete; infinite: there was none.
    """

    def __init__(self, port: int, requests: Sequence[bytes], due: np.ndarray) -> None:
        self._port, self._requests, self._due = port, requests, due.tolist()
        self._idle, self._busy = [Connection(port)], set[Connection]()
        self._waiting, self._asked = deque[int](), 0
        self.took = np.full(len(due), np.inf)
        self._start = time.perf_counter()

    def run(self, seconds: float) -> None:
        """Ask and listen until all is answered, or for so many seconds."""
        while (now := time.perf_counter() - self._start) < seconds and not self._done():
            while self._asked < len(self._due) and self._due[self._asked] <= now:
                self._waiting.append(self._asked)
                self._asked += 1
            while self._waiting and len(self._busy) < CONNECTIONS:
                self._ask(self._waiting.popleft())
            until = self._due[self._asked] if self._asked < len(self._due) else seconds
            left = until - (time.perf_counter() - self._start)
            for connection in select.select(self._busy, (), (), max(left, 0))[0]:
                self._listen(connection)
        for connection in (*self._idle, *self._busy):
            connection.socket.close()

    def _ask(self, number: int) -> None:
        connection = self._idle.pop() if self._idle else Connection(self._port)
        connection.send(self._requests[number % len(self._requests)], number)
        self._busy.add(connection)

    def _listen(self, connection: Connection) -> None:
        answer = connection.receive()
        if answer is None:
            return
        self._busy.remove(connection)
        if not answer:  # it was closed while nothing was asked: another will do
            self._waiting.appendleft(connection.number)
        elif answer[9:12] == b"200":
            self.took[connection.number] = (time.perf_counter() - self._start - self._due[connection.number]) * 1e3
        if answer and stays_open(answer):
            self._idle.append(connection)
        else:
            connection.socket.close()

    def _done(self) -> bool:
        return self._asked == len(self._due) and not self._busy and not self._waiting


def paced(running: Running, question: Question, rate: float, seconds: float) -> Paced:
    """Ask a server at a fixed rate; afterwards wait until it has done with what it was asked."""
    requests = [request(question.path, body) for body in question.bodies]
    gc.collect()
    gc.disable()  # a collection would look like a slow answer
    try:
        clients = Clients(running.port, requests, np.arange(round(rate * seconds)) / rate)
        clients.run(seconds + GRACE)
    finally:
        gc.enable()
    running.wait()
    return Paced(*np.percentile(clients.took, [50, 99, 99.9], method="higher").tolist())
