"""Typed params: what `params.yaml` may say. An unknown key, a wrong type or a value out of range is an error.

Legal ranges live here, meanings and units in the comments of `params.yaml`. A value of `null` in a block that a problem
has defaults for means "as the problem's file says": see `lifecycle.problem.fill`.
"""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lifecycle.stage import PipelineError

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


def _as_date(value: Any) -> Any:
    # YAML reads an unquoted 2018-08-08 as a date, DVC writes it back as text.
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError("must be a date like 2018-08-08") from error


Day = Annotated[date, BeforeValidator(_as_date)]


class Section(BaseModel):
    """A block of params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


SectionT = TypeVar("SectionT", bound=Section)


class GenerateParams(Section):
    """Size and seed of the simulated benchmark."""

    customers: Annotated[int, Field(ge=1, le=1_000_000)]
    terminals: Count
    days: Annotated[int, Field(ge=2, le=36_500)]
    seed: Annotated[int, Field(ge=0, le=4_000)]


class IngestParams(Section):
    """Where records come from."""

    source: Literal["auto", "generate", "file", "url"]
    path: str
    url: str | None
    sha256: Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")] | None
    generate: GenerateParams


class ValidateParams(Section):
    """Limits of the contract gate."""

    max_rejected_share: Share
    max_out_of_order_share: Share
    as_of: Day | None
    max_age_days: Positive


class SplitParams(Section):
    """Windows in time, and the alarms on what they hold."""

    folds: Annotated[int, Field(ge=2, le=52)]
    train_days: Positive | None
    delay_days: NotNegative | None
    test_days: Positive | None
    test_start: Day | None
    drop_compromised_cards: bool
    max_feature_auc: Annotated[float, Field(gt=0.5, le=1)]


class TrainParams(Section):
    """The estimator; every further key is one of its hyper-parameters and is checked against its list."""

    model_config = ConfigDict(extra="allow")

    model: str
    seed: Seed
    exclude_features: list[str]

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The further keys."""
        return dict(self.model_extra or {})


class DecideParams(Section):
    """Calibration, costs and the alert budget."""

    calibration: Literal["auto", "none", "sigmoid", "isotonic"]
    cost_false_positive: NotNegative | None
    cost_false_negative: NotNegative | Literal["amount"] | None
    alert_budget_per_day: Annotated[int, Field(ge=1)] | None


class EvaluateParams(Section):
    """Figures, intervals and gates."""

    top_k: Count
    bootstrap_samples: Annotated[int, Field(ge=50, le=100_000)]
    seed: Seed
    rule_amount: Positive | None
    leak_alarm: Annotated[float, Field(gt=0, le=1)] | None
    must_beat_baselines: bool


class Params(Section):
    """The whole of params.yaml."""

    problem: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
    ingest: IngestParams
    validate_: ValidateParams = Field(alias="validate")  # pydantic keeps the plain name for itself
    split: SplitParams
    train: TrainParams
    decide: DecideParams
    evaluate: EvaluateParams


def load_params(path: str | Path = "params.yaml") -> Params:
    """Read and check the params.

    Raises
    ------
    PipelineError
        Names each bad key with its value and what is legal.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: no such file; run the stages from the repository's root") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or an unquoted date that does not exist
        raise PipelineError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise PipelineError(f"{path}: it must hold the blocks {', '.join(_keys(Params))}")
    return checked(Params, content, str(path))


def checked(section: type[SectionT], content: Any, origin: str) -> SectionT:
    """Build a section, or raise a PipelineError that names each bad key, its value and what is legal."""
    try:
        return section.model_validate(content)
    except ValidationError as error:
        advice: dict[str, list[str]] = {}
        for fault in error.errors():
            path, owner = _locate(fault["loc"], section)
            found = "" if fault["type"] == "missing" else f" = {fault['input']!r}"
            advice.setdefault(f"{path}{found}", []).append(_words(fault, owner))
        lines = [f"{key}: {', or: '.join(dict.fromkeys(words))}" for key, words in advice.items()]
        raise PipelineError(f"{origin}:\n  " + "\n  ".join(lines)) from error


def _locate(loc: tuple[Any, ...], section: type[Section]) -> tuple[str, type[Section]]:
    """Return the key an error speaks of, and the block that holds it; pydantic adds the kinds of a union behind."""
    keys: list[str] = []
    owner = section
    for part in loc:
        keys.append(str(part))
        inner = _keys(owner).get(str(part))
        if not (isinstance(inner, type) and issubclass(inner, Section)):
            break
        owner = inner
    return ".".join(keys), owner


def _keys(section: type[Section]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in section.model_fields.items()}


def _words(fault: Any, owner: type[Section]) -> str:
    if fault["type"] == "extra_forbidden":
        return f"unknown key; known here: {', '.join(_keys(owner))}"
    if fault["type"] == "model_type":
        return f"must be a block with the keys {', '.join(_keys(owner))}"
    if isinstance(fault["input"], str) and re.fullmatch(r"[-+]?\d+e[-+]?\d+", fault["input"], re.IGNORECASE):
        return f"{fault['msg']}; YAML takes this for text, write {fault['input'].lower().replace('e', '.0e')}"
    return str(fault["msg"])
