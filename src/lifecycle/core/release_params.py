"""The block `release` of params.yaml: what a version has to show before it answers, and what takes it back."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lifecycle.core.section import Count, NotNegative, Positive, Section, Share

Environment = Literal["dev", "test", "prod"]
Step = Literal["shadow", "canary", "ab", "promote"]


class OfflineGate(Section):
    """What is asked of a version on the test records, beside the gate of the block `report`."""

    slice_margin: Share
    latency_ms: Positive
    reproducible: bool


class ShadowGate(Section):
    """When the decisions of two models on the same records tell which is better."""

    e_value: Annotated[float, Field(gt=1)]
    prior: Positive
    max_days: Count


class CanaryGate(Section):
    """How a version comes to answer everybody."""

    steps: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)]
    min_requests: Count
    minutes: NotNegative
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    slow_ms: Positive
    alert_ratio: Annotated[float, Field(ge=1)]
    score_shift: Share

    @model_validator(mode="after")
    def _rises(self) -> "CanaryGate":
        if self.steps != sorted(set(self.steps)) or self.steps[-1] != 1.0:
            raise ValueError("steps must rise and end with 1.0")
        return self


class Experiment(Section):
    """An A/B test on what only the answer itself can bring about, such as a purchase."""

    share: Annotated[float, Field(gt=0, lt=1)]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    power: Annotated[float, Field(gt=0.5, lt=1)]
    effect: Positive
    guard_margin: NotNegative
    max_days: Count


class Rollback(Section):
    """When the earlier version is put back without asking anybody."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    min_requests: Count
    silence_seconds: Positive
    cool_down_minutes: NotNegative
    most: Annotated[int, Field(ge=0)]


class Retraining(Section):
    """When a new version is trained."""

    every_days: Positive
    new_labels: Count


class ReleaseParams(Section):
    """Gates, rollback and retraining of one environment."""

    environment: Environment
    folder: str
    remote: str | None
    approval: list[Step]
    offline: OfflineGate
    shadow: ShadowGate
    canary: CanaryGate
    ab: Experiment
    rollback: Rollback
    retrain: Retraining
