"""How long a connection may take for what it does; looked at several times a second, not timed one by one."""

import select

from lifecycle.serving.errors import Refusal
from lifecycle.serving.http.connection import Connection

LINGER = 2.0  # seconds for a refused client to read why; closing at once would take back what it has not read


def sweep(connection: Connection) -> None:
    """Close a connection that has taken too long."""
    settings = connection.server_state.settings
    waited = connection.server_state.now - connection.since
    if connection.refused or connection.transport.is_closing():
        if waited > (LINGER if connection.refused else settings.request_timeout):
            connection.transport.abort()
    elif connection.flow.write_paused:
        if waited > settings.request_timeout:
            connection.transport.abort()  # it does not take its answers
    elif connection.reading:
        if waited > settings.request_timeout:
            message = f"the request has not come within {settings.request_timeout:g} s"
            connection.refuse(Refusal(408, "slow_request", message))
    elif not connection.unanswered and waited > settings.keep_alive:
        connection.transport.close()


def release(connection: Connection) -> None:
    """Close a connection at the end of the service, when nothing is being asked on it."""
    if connection.unanswered:
        connection.cycle.keep_alive = False
    if connection.reading or connection.unanswered or connection.refused:
        return
    poll = select.poll()
    poll.register(connection.transport.get_extra_info("socket").fileno(), select.POLLIN)
    if not poll.poll(0):  # otherwise a request has come that nobody has read yet
        connection.transport.close()
