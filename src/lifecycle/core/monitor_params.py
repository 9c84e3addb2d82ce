"""The block `monitor` of params.yaml: when drift becomes an alarm, and what is to be done about it."""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from lifecycle.core.section import Count, Positive, Section, Seed

Kind = Literal["schema", "quality", "volume", "covariate", "score", "concept", "performance"]
Action = Literal["page", "ticket", "retrain", "rollback", "none"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SEVERITY: tuple[Action, ...] = ("none", "ticket", "retrain", "rollback", "page")  # the worst last


class Rule(Section):
    """A line of the table of actions."""

    kind: Kind = Field(alias="class")
    size: Positive | None = None
    first_days: Positive | None = None
    action: Action
    because: str

    def fits(self, kind: str, size: float, age: float) -> bool:
        """Return whether the line is about an alarm of that class and size, so many days after the model's start."""
        large, young = self.size is None or size >= self.size, self.first_days is None or age < self.first_days
        return kind == self.kind and large and young


class MonitorParams(Section):
    """Persistence, budget and actions of alarms, and the figures beside them."""

    persistence: dict[str, Count]
    budget: dict[str, Count]
    actions: list[Rule]
    review_capacity_per_day: Count | None
    samples: Annotated[int, Field(ge=50, le=100_000)]
    seed: Seed
    previous: str

    @model_validator(mode="after")
    def _name_every_class(self) -> "MonitorParams":
        # A rise of the loss becomes `concept` or `performance` once it is an alarm, so both wait as long.
        for name, needed in (("persistence", set(KINDS) - {"concept"}), ("budget", set(KINDS))):
            if set(getattr(self, name)) != needed:
                raise ValueError(f"{name} must name the classes {', '.join(sorted(needed))}, and no other")
        return self
