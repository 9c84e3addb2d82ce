"""The classes behind the names in `lifecycle.features.vocabulary.AGGREGATES`."""

from lifecycle.features.primitives import distinct, ranks, recency, totals
from lifecycle.features.primitives.primitive import Primitive

PRIMITIVES: dict[str, Primitive] = totals.PRIMITIVES | ranks.PRIMITIVES | distinct.PRIMITIVES | recency.PRIMITIVES
