"""The classes behind the names in `lifecycle.problem.window_words.AGGREGATES`."""

from lifecycle.features.aggregates import distinct, order, recency, totals
from lifecycle.features.aggregates.aggregate import Primitive

PRIMITIVES: dict[str, Primitive] = totals.PRIMITIVES | order.PRIMITIVES | distinct.PRIMITIVES | recency.PRIMITIVES
