"""Run a stage: mistakes of people are told in words, mistakes of ours keep their traceback."""

import errno
import sys
from collections.abc import Callable


class PipelineError(Exception):
    """Bad input or configuration. The message says what is wrong, where, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Call a stage's `main` and end the process: 0 when it returns, 1 with a message when it can't go on.

    A full disk and a file that can't be read or written are told like any other mistake that a person can mend.
    """
    try:
        main()
    except PipelineError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno is None:
            raise
        place = f"{error.filename}: " if error.filename else ""
        advice = "; free some space and run it again, earlier outputs are intact" if error.errno == errno.ENOSPC else ""
        sys.exit(f"error: {place}{error.strerror or error}{advice}")
