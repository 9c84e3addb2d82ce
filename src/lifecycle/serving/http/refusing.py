"""How a connection ends with a client that can't be served: told why, and not before it had time to read that."""

from lifecycle.serving.errors import Refusal
from lifecycle.serving.http.answering import CLOSE, Answering
from lifecycle.serving.http.replies import wire


class Refusing(Answering):
    """A connection of `answering` that may be refused.

    Attributes
    ----------
    reading, heading, refused : bool
        In the midst of a request; in the midst of its head; only open so that the client can read why it was refused.
    """

    reading: bool
    heading: bool
    refused: bool

    def refuse(self, refusal: Refusal) -> None:
        """Tell a client why it can't be served, and close the connection once it has had time to read that."""
        self.refused, self.since = True, self.server_state.now
        reading = self.reading and not self.heading  # then the newest unanswered request is the one at fault
        if reading and self.cycle.response_started:
            self.transport.close()  # it knows already
            return
        if reading:
            self.cycle.disconnected = True
            self.cycle.waiting_for_100_continue = False  # or it would ask for what is refused already
            self.cycle.message_event.set()
        if self.unanswered > reading:
            self.cycle.keep_alive = False  # what came before is answered first, and closes the connection
            return
        reply = self.reply(refusal, self.headers if self.reading else ())
        self.transport.write(wire(reply, (*self.server_state.default_headers, CLOSE)))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def refuse_head(self) -> None:
        """Do so for the length of what stands before or behind a body."""
        limit = self.server_state.settings.max_header
        self.refuse(Refusal(431, "header_too_large", f"path and headers are longer than {limit} bytes"))
