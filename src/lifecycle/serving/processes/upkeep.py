"""What a serving process does beside its requests, now and then: ask how the store does, and spare the collector."""

import asyncio
import gc
from contextlib import suppress

from lifecycle.serving.errors import Refusal
from lifecycle.serving.online.home import Home
from lifecycle.serving.telemetry.reporting import Reporter

REST = 2.0  # seconds between two looks
MANY = 20_000  # objects: the collector looks at as many in a millisecond or two


async def look_after(home: Home, reporter: Reporter, rest: float = REST) -> None:
    """Do so for ever, however the store does."""
    while True:
        sizes: dict[str, int] = {}
        with suppress(Refusal, TimeoutError):  # it is away, or silent; `problem` says so
            async with asyncio.timeout(rest):
                sizes = dict(await home.size())
        reporter.store(sizes, home.problem)
        settle()
        await asyncio.sleep(rest)


def settle() -> None:
    """Have the collector of garbage leave alone what lives long.

    A look at all entities would hold up everybody for 0.1 s. But what is frozen is never collected, so only what many
    new entities have made of the heap is.
    """
    if len(gc.get_objects(generation=2)) > MANY:
        gc.collect()
        gc.freeze()
