"""From the library `logging` to the log of the service."""

import logging

from lifecycle.serving.telemetry.logs import Log


class Bridge(logging.Handler):
    """Takes what libraries say through `logging` to the log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log it."""
        level = "error" if record.levelno >= logging.ERROR else "warn"
        more = {"log.logger": record.name}
        if record.exc_info:
            more["error.stack_trace"] = logging.Formatter().formatException(record.exc_info)
        self._log.event("library", record.getMessage(), level, more)
