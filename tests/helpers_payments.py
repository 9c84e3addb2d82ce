"""A feature list with every word of the vocabulary, on the columns of `problems.transactions`."""

from typing import Any

from lifecycle.features.aggregates import AGGREGATES, Aggregate
from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw, Weekend
from lifecycle.problem.window_words import Feature, Where, Window


def _of(aggregate: type[Aggregate]) -> str | None:
    return {"none": None, "any": "terminal_id", "flag": "is_fraud"}.get(aggregate.needs, "amount")


# Labels come a week late; some windows stand on windows.
LATE: dict[str, Any] = {"by": "terminal_id", "delay_days": 7, "where": (Where("amount", "<=", 150.0),)}
EVERYTHING: tuple[Feature, ...] = (
    Raw("amount"),
    Weekend(),
    Night(),
    Hour(),
    *(
        Window(f"card_{name}", name, "customer_id", _of(aggregate), days=(1, 30), current=name != "since")
        for name, aggregate in AGGREGATES.items()
        if aggregate.needs != "flag"
    ),
    *(Window(f"shop_{name}", name, of=_of(kind), days=(7.5, 30), **LATE) for name, kind in AGGREGATES.items()),
    Window("since_fraud", "since", "customer_id", days=(14,), delay_days=7, where=(Where("is_fraud", "==", 1),)),
    Ratio("ratio", "amount", "card_median_30d", empty=1),
    Difference("above", "card_max_30d", "shop_mean_30d"),
    Window("large", "count", "terminal_id", days=(2,), where=(Where("ratio", ">=", 2), Where("above", ">=", 0))),
    Window("wide", "max", "terminal_id", "large_2d", days=(5,), current=False),
)
