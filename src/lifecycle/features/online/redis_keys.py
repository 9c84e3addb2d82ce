"""Names of the online state on a Redis server."""

from typing import Any

from lifecycle.features.online.plan import Plan


class Keys:
    """Names on the server, and how many seconds they stay without being used.

    Parameters
    ----------
    prefix : str
        What all begin with.
    plan : Plan
        Of the feature list.
    lateness_us : int
        How much older than its entities' newest record a record may be, microseconds.
    """

    def __init__(self, prefix: str, plan: Plan, lateness_us: int) -> None:
        self._prefix = prefix
        self.ages = {by: plan.reach_us(by) + lateness_us for by in plan.tracks}
        # A record that comes late is of use to others that come late.
        self.seconds = (max(self.ages.values(), default=0) + lateness_us) // 1_000_000 + 1
        self.about, self.base, self.arrivals = (f"{prefix}:{name}" for name in ("about", "base", "arrivals"))

    def entity(self, by: str, value: Any) -> str:
        """Return the name of an entity's list."""
        return f"{self._prefix}:entity:{by}:{value}"

    def record(self, key: Any) -> str:
        """Return the name under which a key's arrival and entities stand."""
        return f"{self._prefix}:record:{key}"
