"""The typed content of params.yaml. An unknown key, a wrong type or a value out of range is an error.

Legal ranges live here, meanings and units in the comments of `params.yaml`. A value of `null` in a block that a problem
has defaults for means "as the problem's file says": see `lifecycle.problem.loading.fill`.
"""

from datetime import date
from math import remainder
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from lifecycle.core.errors import PipelineError
from lifecycle.core.monitor_params import MonitorParams
from lifecycle.core.release_params import ReleaseParams
from lifecycle.core.section import Count, NotNegative, Positive, Section, SectionT, Seed, Share, checked, keys_of
from lifecycle.core.yaml_text import read_yaml


def _as_date(value: Any) -> Any:
    # YAML reads an unquoted 2018-08-08 as a date, DVC writes it back as text.
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError("must be a date like 2018-08-08") from error


Day = Annotated[date, BeforeValidator(_as_date)]


class CsvParams(Section):
    """How a CSV file is written."""

    separator: Annotated[str, Field(pattern=r"^[\x01-\x08\t!#-*,/:-@\[-`{-~]$")]
    skip_lines: Annotated[int, Field(ge=0)]
    decimal: Literal[".", ","]

    @model_validator(mode="after")
    def _differ(self) -> "CsvParams":
        if self.separator == self.decimal:
            raise ValueError("separator and decimal must differ")
        return self


class IngestParams(Section):
    """Where records come from."""

    source: Literal["auto", "generate", "file", "url"]
    path: str
    url: str | None
    sha256: Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")] | None
    csv: CsvParams
    generate: dict[str, bool | int | float | str]


class ValidateParams(Section):
    """Limits of the contract gate."""

    max_rejected_share: Share
    max_out_of_order_share: Share
    sort: bool
    as_of: Day | None
    max_age_days: Positive


class FeaturizeParams(Section):
    """How the feature list is computed; no value changes what comes out."""

    engine: Literal["serial", "joblib", "dask"]
    memory_budget: Annotated[float, Field(ge=0.25)]
    scheduler: Annotated[str, Field(pattern="^(tcp|tls)://.+:[0-9]+$")] | None


class SplitParams(Section):
    """Which rows a model learns from and which it is judged on, and the alarms on what they hold."""

    strategy: Literal["time", "group", "stratified", "random"] | None
    folds: Annotated[int, Field(ge=2, le=52)]
    test_share: Annotated[float, Field(gt=0, lt=1)]
    seed: Seed
    window: Literal["sliding", "expanding"]
    train_days: Positive | None
    delay_days: NotNegative | None
    test_days: Positive | None
    test_start: Day | None
    drop_known_entities: bool | None
    max_feature_auc: Annotated[float, Field(gt=0.5, le=1)] | None


class TrainParams(Section):
    """The estimator; every further key is one of its hyper-parameters and is checked against its list."""

    model_config = ConfigDict(extra="allow")

    model: str
    seed: Seed
    exclude_features: list[str]
    continue_from: str = ""
    more_trees: Count = 1

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
    threshold: Share | None
    cost_matrix: Annotated[list[list[NotNegative]], Field(min_length=3)] | None
    abstain_below: Share | None
    coverage: Annotated[float, Field(ge=0.5, le=0.999)]


class EvaluateParams(Section):
    """Figures, intervals and gates."""

    top_k: Count
    bootstrap_samples: Annotated[int, Field(ge=50, le=100_000)]
    seed: Seed
    rule_amount: Positive | None
    leak_alarm: Positive | None
    must_beat_baselines: bool


class Dimension(Section):
    """The values of one hyper-parameter that a search may try: a range, or choices."""

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = None
    choices: Annotated[list[bool | int | float | str | None], Field(min_length=2)] | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "Dimension":
        if (self.choices is None) != (self.low is not None and self.high is not None):
            raise ValueError("say low and high, or choices")
        if self.low is None or self.high is None:
            if self.log or self.step or self.low is not None or self.high is not None:
                raise ValueError("choices stand alone, without low, high, log and step")
        elif self.low >= self.high:
            raise ValueError("low must be less than high")
        elif self.log and (self.low <= 0 or self.step):
            raise ValueError("log takes no step, and a low above 0")
        elif self.step is not None and (self.step <= 0 or abs(remainder(self.high - self.low, self.step)) > 1e-9):
            raise ValueError("step must be above 0 and lead from low to high")
        return self


class TuneParams(Section):
    """Budget and space of the search; an empty space is the one that the model's family brings."""

    trials: Count
    minutes: Positive
    batch: Count
    seed: Seed
    models: list[str]
    space: dict[str, Dimension]


class ExplainParams(Section):
    """Size of the explanations' samples."""

    rows: Annotated[int, Field(ge=100)]
    samples: Annotated[int, Field(ge=50, le=100_000)]
    top: Annotated[int, Field(ge=1, le=10)]
    seed: Seed


class AuditParams(Section):
    """What the audit computes, and the limits on how differently groups may be treated."""

    min_positives: Count
    max_recall_difference: Share | None
    max_false_positive_ratio: Annotated[float, Field(ge=1)] | None
    max_calibration_ratio: Annotated[float, Field(ge=1)] | None
    max_accuracy_difference: Share | None
    max_error_ratio: Annotated[float, Field(ge=1)] | None
    more_seeds: Annotated[int, Field(ge=2, le=100)]
    ageing_windows: Annotated[int, Field(ge=2, le=520)]
    samples: Annotated[int, Field(ge=50, le=100_000)]
    seed: Seed


class MonitoringLimits(Section):
    """How the limits are found that a model's records are watched by."""

    window_days: Annotated[int, Field(ge=1, le=92)]
    backtest_windows: Annotated[int, Field(ge=8, le=104)]
    drift_factor: Annotated[float, Field(ge=1)]
    least_volume_change: Positive
    least_cusum: Positive


class PackageParams(Section):
    """The bundle's name, how exactly it must decide as the pipeline does, and the limits it is watched by."""

    name: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")] | None
    max_difference: Annotated[float, Field(ge=0, le=1e-3)]
    threshold_rows: Annotated[int, Field(ge=1_000, le=10_000_000)]
    seed: Seed
    monitoring: MonitoringLimits


class ReportParams(Section):
    """The gate of a comparison with another version."""

    metric: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_]*$")] | None
    margin: NotNegative


class Params(Section):
    """The whole of params.yaml."""

    problem: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
    ingest: IngestParams
    validate_: ValidateParams = Field(alias="validate")  # pydantic keeps the plain name for itself
    featurize: FeaturizeParams
    split: SplitParams
    train: TrainParams
    decide: DecideParams
    evaluate: EvaluateParams
    explain: ExplainParams
    audit: AuditParams
    package: PackageParams
    monitor: MonitorParams
    tune: TuneParams
    report: ReportParams
    release: ReleaseParams


def load_params(path: str | Path = "params.yaml") -> Params:
    """Read and check all blocks but those that a stage of its own declares: see `load_block`.

    Raises
    ------
    PipelineError
        Names each bad key with its value and what is legal.
    """
    content = _content(path)
    own = {name for name in content if name not in keys_of(Params) and (Path(path).parent / f"src/{name}.py").is_file()}
    return checked(Params, {name: block for name, block in content.items() if name not in own}, str(path))


def load_block(name: str, section: type[SectionT], path: str | Path = "params.yaml") -> SectionT:
    """Read and check one block, for a stage that declares its keys in its own script.

    Parameters
    ----------
    name : str
        The block, and the script: `src/NAME.py`.
    section : type
        A subclass of `Section` with the keys.

    Raises
    ------
    PipelineError
        The block is missing, or names each bad key with its value and what is legal.
    """
    content = _content(path)
    if name not in content:
        raise PipelineError(f"{path}: the block {name} is missing; its keys: {', '.join(keys_of(section))}")
    return checked(section, content[name], f"{path}, block {name}")


def _content(path: str | Path) -> dict[str, Any]:
    try:
        content = read_yaml(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: no such file; run the stages from the repository's root") from error
    except ValueError as error:
        raise PipelineError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise PipelineError(f"{path}: it must hold the blocks {', '.join(keys_of(Params))}")
    return content
