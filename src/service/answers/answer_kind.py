"""What a kind of target has to say for the service to answer with its scores.

A kind is a file in service/answers and an entry of `service.answers.kinds.KINDS`. Protocols put what it says into their
own envelopes, and none of them asks which kind it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from msgspec import Meta, Struct

from lifecycle.bundle.servable import Servable
from service.telemetry.service_metrics import Tally
from service.telemetry.shared_numbers import Cells

Share = Annotated[float, Meta(ge=0, le=1)]
Why = Sequence[Sequence[Any]] | None


class Reason(Struct, forbid_unknown_fields=True):
    """A feature that has raised a score."""

    feature: str
    contribution: Annotated[float, Meta(gt=0)]
    words: str


class TensorForm(NamedTuple):
    """A tensor of the answer: its type in the Open Inference Protocol, and its shape behind the rows."""

    datatype: str
    shape: tuple[int, ...] = ()


class AnswerKind(ABC):
    """What is said of scored rows. `scored` is what `Servable.score` gives for the kind.

    Attributes
    ----------
    types : tuple of type
        The structs of the answers: `Prediction`, `OnePrediction`, `Decision`, `Decisions` and `Outputs`. The OpenAPI
        document has them by these names, whatever the kind.
    lines_of : str
        What a line of CSV has.
    """

    types: tuple[type[Struct], ...]
    lines_of: str

    @abstractmethod
    def predictions(self, servable: Servable, scored: Any) -> list[Any]:
        """Return a `Prediction` for each row, for protocols that leave its form open."""

    @abstractmethod
    def one(self, servable: Servable, scored: Any) -> Any:
        """Return the `OnePrediction` of a single row."""

    @abstractmethod
    def decisions(self, servable: Servable, scored: Any, why: Why, request_id: str) -> Any:
        """Return the `Decisions` on named rows, with the reasons of each where they were asked for."""

    @abstractmethod
    def outputs(self, servable: Servable, scored: Any) -> Any:
        """Return the `Outputs`: a list with a value for each row, for each thing that is said."""

    @abstractmethod
    def tensors(self, servable: Servable) -> Mapping[str, TensorForm]:
        """Return the form of each tensor of `arrays`."""

    @abstractmethod
    def arrays(self, servable: Servable, scored: Any) -> Mapping[str, np.ndarray]:
        """Return tensors by name, each with a row for each row."""

    @abstractmethod
    def cells(self, servable: Servable, scored: Any) -> list[Sequence[Any]]:
        """Return a line of values for each row, for CSV; None is an empty cell."""

    @abstractmethod
    def logged(self, servable: Servable, scored: Any) -> dict[str, Any]:
        """Return what the decision log says."""

    @abstractmethod
    def tally(self, servable: Servable, cells: Cells) -> Tally:
        """Return what counts decisions of a model."""

    @abstractmethod
    def counted(self, scored: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the number of each row that the histogram takes, and the place of its decision in the tally."""

    @abstractmethod
    def summary(self, servable: Servable) -> str:
        """Return what the OpenAPI document says of the model."""

    def explained(self, scored: Any) -> np.ndarray | None:
        """Return the code of the class that the reasons of each row are about; None where there is one score."""
        return None

    def schemas(self, servable: Servable) -> dict[str, Any]:
        """Return the schemas that `types` refer to and that depend on the model."""
        return {}

    def fault(self, servable: Servable) -> str | None:
        """Say what is wrong with the decision of a model, so that it can't be served."""
        return None


def give_reasons(rows: Sequence[Any], why: Why) -> None:
    """Give each row its reasons, where there are any."""
    for row, reasons in zip(rows, why or (), strict=bool(why)):
        row.reasons = [Reason(*reason) for reason in reasons]
