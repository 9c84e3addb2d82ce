"""Web addresses: one that an environment variable holds, and what of one may be shown.

A query may be a signature that lets anyone fetch the file, and a user's name and password may stand before the host.
Neither gets into a message, a log, a report or a bundle.
"""

import os
import re

from lifecycle.core.errors import PipelineError

VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
ADDRESS = re.compile(
    r"""(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?P<user>[^\s/?#]*@)?(?P<path>[^\s?#'"]*)"""
    r"""(?P<rest>[?#](?:\S*(?=['"][,;:)\]}]*(?:\s|$))|\S*))?"""  # up to the quote that ends a text, if one does
)
LEFT_OUT = "..."


def public(text: str) -> str:
    """Return text without the query and the user of each address in it.

    Examples
    --------
    >>> public("https://me:secret@host.example/a.csv?sig=4f2e: HTTP Error 403")
    'https://...@host.example/a.csv?... HTTP Error 403'
    """
    return ADDRESS.sub(_public, text)


def _public(found: re.Match[str]) -> str:
    user = f"{LEFT_OUT}@" if found["user"] else ""
    rest = f"{found['rest'][0]}{LEFT_OUT}" if found["rest"] else ""
    return f"{found['scheme']}{user}{found['path']}{rest}"


def resolved(address: str, setting: str) -> str:
    """Return an address, which may stand in an environment variable: `$NAME`.

    Raises
    ------
    PipelineError
        The variable is not set; `setting` is what names it.
    """
    named = VARIABLE.fullmatch(address)
    if named is None:
        return address
    if not os.environ.get(named[1]):
        raise PipelineError(
            f"{setting} = {address!r}: the environment variable {named[1]} is not set: export {named[1]}='https://...'"
        )
    return os.environ[named[1]]
