"""Which service a process belongs to: the parent sets a variable, and its children inherit it."""

import os
import secrets

VARIABLE = "ONE_SERVICE"


def begin() -> None:
    """Make this process the first of a service."""
    os.environ[VARIABLE] = secrets.token_hex(8)


def own() -> str:
    """Return what only the processes of this one's service know; empty where it is alone."""
    return os.environ.get(VARIABLE, "")
