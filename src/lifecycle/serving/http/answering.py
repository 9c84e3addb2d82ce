"""How a connection's requests get their answers: those that come whole together with others, in one write each."""

from asyncio import Task
from collections.abc import Awaitable, Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from lifecycle.serving.errors import Refusal
from lifecycle.serving.http.replies import RETRY, refused, wire
from lifecycle.serving.http.state import State
from lifecycle.serving.http.trace import request_id
from lifecycle.serving.messages import Reply

CLOSE = (b"connection", b"close")


class Answering(HttpToolsProtocol):
    """Uvicorn's connection; `_start_asgi_task` is where it hands over a request whose headers have come.

    Attributes
    ----------
    since : float
        When what the connection is in now began.
    unanswered : int
        Requests whose headers have come.
    partial : RequestResponseCycle, optional
        The request of which only the body is missing.
    held : bool
        The client does not take its answers, so nothing more is read or answered.
    """

    server_state: State
    since: float
    unanswered: int
    partial: RequestResponseCycle | None
    held: bool

    def take(self, cycle: RequestResponseCycle, found: Reply | Awaitable[Reply]) -> None:
        """Take the application's answer to a request that had come whole."""
        if isinstance(found, Reply):
            self._answer(cycle, found)
        else:
            self._keep(self.loop.create_task(self._wait(cycle, found)))

    def on_response_complete(self) -> None:
        """Go on with the next request that has come, if there is one."""
        self.server_state.total_requests += 1
        self.unanswered -= 1
        if self.transport.is_closing():
            return
        if self.flow.write_paused:
            self.held = True
            self.flow.pause_reading()
        else:
            self._next()

    def resume_writing(self) -> None:
        """Go on: the client has taken what there was."""
        super().resume_writing()
        if self.held and not self.transport.is_closing():
            self.held = False
            self._next()

    def _next(self) -> None:
        self.since = self.server_state.now
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        state = self.server_state
        if state.admission.full() and cycle.scope["path"] not in state.vital:
            self._shed(cycle)
        elif not cycle.more_body:
            self.queue(cycle)
        elif cycle.waiting_for_100_continue:
            self.start(cycle)
        else:
            self.partial = cycle

    def queue(self, cycle: RequestResponseCycle) -> None:
        """Have a request that has come whole answered soon."""
        self.partial = None
        self.server_state.turn.add(self, cycle)

    def start(self, cycle: RequestResponseCycle) -> None:
        """Have the application read a body that does not come at once."""
        self.partial = None
        self._keep(self.loop.create_task(cycle.run_asgi(self.app)))

    def reply(self, refusal: Refusal, headers: Iterable[tuple[bytes, bytes]]) -> Reply:
        """Count a refusal of which the application does not know, and return the answer."""
        given, meters = request_id(dict(headers)), self.server_state.meters
        meters.request("none", refusal.status, 0.0)
        meters.add("errors", "kind", refusal.kind)
        reply = refused(refusal, given)
        return reply._replace(headers=((b"x-request-id", given.encode()), *reply.headers))

    def _answer(self, cycle: RequestResponseCycle, reply: Reply) -> None:
        """Write an answer, head and body at once: uvicorn has a system call for each."""
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        if self.server_state.draining and self.unanswered == 1:  # not while others that have come wait behind it
            cycle.keep_alive = False
        more = (*cycle.default_headers, *(() if cycle.keep_alive else (CLOSE,)))
        self.transport.write(wire(reply, more, cycle.scope["method"] != "HEAD"))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    async def _wait(self, cycle: RequestResponseCycle, found: Awaitable[Reply]) -> None:
        self._answer(cycle, await found)

    def _keep(self, task: Task[None]) -> None:
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _shed(self, cycle: RequestResponseCycle) -> None:
        """Refuse a request that would have to wait too long."""
        bound = self.server_state.settings.max_wait_ms
        refusal = Refusal(503, "overloaded", f"it would take more than {bound:g} ms; try again", headers=RETRY)
        self.server_state.meters.add("shed")
        # Not at once: behind it there may be a thousand that have to be refused as well.
        self.loop.call_soon(self._answer, cycle, self.reply(refusal, cycle.scope["headers"]))
