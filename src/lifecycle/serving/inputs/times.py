"""How a time must be written: a date, and perhaps a time of day and a zone. What the pattern takes is a time."""

import contextlib
import re

from lifecycle.features.online.typed import microseconds

EXAMPLE = "2026-01-31T12:30:00Z"
LEAP = "[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00"
DAYS = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
TIME = rf"(?:[T ]{CLOCK}(?::[0-5][0-9](?:\.[0-9]{{1,6}})?)?(?:Z|[+-]{CLOCK})?)?"


def pattern(first: int = 1000) -> str:
    """Return a regular expression for times from a year on; JSON Schema reads it too."""
    year = f"(?:{years(first)})"
    return f"^(?:{year}-{DAYS}|(?={year})(?:{LEAP})-02-29){TIME}$"


def years(first: int) -> str:
    """Return a regular expression for the years from one on, all of four digits."""
    digits = str(first).rstrip("0")
    lowest = [int(digit) + (i < len(digits) - 1) for i, digit in enumerate(digits)]
    parts = [f"{digits[:i]}[{low}-9]{'[0-9]' * (3 - i)}" for i, low in enumerate(lowest) if low <= 9]
    return "|".join(parts)


def instant(text: str) -> int:
    """Return a time in microseconds since 1970; without a zone it is UTC.

    Raises
    ------
    ValueError
        It is written otherwise.
    """
    with contextlib.suppress(ValueError):  # out of the calendar once the zone is taken off
        if ANY(text):
            return microseconds(text, "")
    raise ValueError(f"is no time such as {EXAMPLE}")


ANY = re.compile(pattern().removesuffix("$")).fullmatch  # a $ would let a line end pass
