"""The two arms of a trial: which rows the challenger answers, what it takes of them, and who answers when it fails."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np

from lifecycle.bundle.servable import Batch, Servable
from lifecycle.core.errors import PipelineError
from lifecycle.release.route import Route, place_of
from service.answers.kinds import kind_of
from service.live_bundle import Live
from service.online_store.events import list_of

UNSOUND = "a score is no finite number"
CHAMPION, CHALLENGER = "champion", "challenger"
Records = Sequence[Mapping[str, Any]] | None


class Trial:
    """A challenger beside the champion.

    Parameters
    ----------
    route : Route
        With a challenger.
    champion, challenger : Live
        Its models; see `check_interchangeable`.

    Attributes
    ----------
    told : bool
        Whether the log has an error of the challenger already: one is enough.
    """

    def __init__(self, route: Route, champion: Live, challenger: Live) -> None:
        self.route, self.champion, self.challenger, self.told = route, champion, challenger, False
        self._share = 0.0 if route.mode == "shadow" else route.share
        ours, theirs = champion.servable, challenger.servable
        self._entity: str | None = ours.schema.get("entity")
        self._same = (ours.numbers, ours.texts) == (theirs.numbers, theirs.texts)
        self._numbers = [ours.numbers.index(name) for name in theirs.numbers]
        self._texts = [ours.texts.index(name) for name in theirs.texts]

    def view(self, batch: Batch) -> Batch:
        """Return what the challenger takes of rows as the champion takes them."""
        if self._same:
            return batch
        texts = None if batch.texts is None or not self._texts else np.take(batch.texts, self._texts, axis=1)
        return Batch(np.take(batch.numbers, self._numbers, axis=1), texts)

    def assign(self, batch: Batch, records: Records, header: bytes | None, request_id: str) -> "Assigned":
        """Return who answers each row of a request.

        Parameters
        ----------
        batch : Batch
            The rows as the champion takes them.
        records : sequence of mapping, optional
            The raw transactions that they were made from.
        header : bytes, optional
            The request's `x-entity`: whose its rows are, where they do not say it themselves.
        request_id : str
            Stands in for an entity that is not known.
        """
        otherwise = header.decode("utf-8", "replace") if header else None
        entities = [as_text(each) or otherwise for each in self._entities(batch, records)]
        salt, unknown = self.route.salt, entities.count(None)
        places = [place_of(request_id if each is None else each, salt) for each in entities]
        return Assigned(self, batch, places, [place < self._share for place in places], unknown)

    def _entities(self, batch: Batch, records: Records) -> Sequence[Any]:
        """Return the entity of each row, None where the row does not hold it."""
        name, servable = self._entity, self.champion.servable
        if records is not None:
            return [None if name is None else record.get(name) for record in records]
        if name in servable.numbers:
            return list(batch.numbers[:, servable.numbers.index(name)].tolist())
        if name in servable.texts and batch.texts is not None:
            return list(batch.texts[:, servable.texts.index(name)].tolist())
        return [None] * len(batch.numbers)


class Assigned:
    """Who answers each row of a request.

    Parameters
    ----------
    trial : Trial
        Between whom.
    batch : Batch
        The rows as the champion takes them.
    places : list of float
        Where the entity of each row stands between 0 and 1.
    taken : list of bool
        Whether the challenger answers it, for each row.
    unknown : int
        Rows whose entity is not known.

    Attributes
    ----------
    count : int
        Rows that the challenger answers.
    failure : str
        The kind of error with which the challenger has failed, so that the champion answers all rows; empty: none.
    """

    def __init__(self, trial: Trial, batch: Batch, places: list[float], taken: list[bool], unknown: int) -> None:
        self.trial, self.batch, self.places, self.taken, self.unknown = trial, batch, places, taken, unknown
        self.count, self.failure = sum(taken), ""
        self.error: Exception | None = None

    @property
    def mixed(self) -> bool:
        """Whether some rows are the challenger's, and some not."""
        return 0 < self.count < len(self.taken)

    @property
    def mask(self) -> np.ndarray:
        """Whether the challenger answers it, for each row: bool, shape (n,)."""
        return np.array(self.taken, bool)

    @property
    def arms(self) -> list[str]:
        """The arm of each row."""
        return [CHALLENGER if each else CHAMPION for each in self.taken]

    def fail(self, error: Exception) -> None:
        """Have the champion answer all rows."""
        self.taken, self.count = [False] * len(self.taken), 0
        self.failure, self.error = type(error).__name__, error

    def scored(self, rows: Records, reasons: int) -> tuple[Any, Sequence[Any] | None]:
        """Return the scores of all rows, each of its arm, and as many reasons for each as asked for.

        Parameters
        ----------
        rows : sequence of mapping, optional
            The features of each row, the hidden ones too; None where no reasons are asked for.
        reasons : int
            How many.
        """
        mask, trial = self.mask, self.trial
        if not self.count:
            return explained(trial.champion.servable, self.batch, rows, reasons)
        try:
            theirs = explained(trial.challenger.servable, part(trial.view(self.batch), mask), _of(rows, mask), reasons)
            if not is_sound(theirs[0]):
                raise ArithmeticError(UNSOUND)
        except Exception as error:
            self.fail(error)
            return explained(trial.champion.servable, self.batch, rows, reasons)
        if not self.mixed:
            return theirs
        ours = explained(trial.champion.servable, part(self.batch, ~mask), _of(rows, ~mask), reasons)
        return merged(mask, theirs[0], ours[0]), _merged_reasons(mask, theirs[1], ours[1])

    def logged(self) -> dict[str, Any]:
        """Return what the decision log says: the arm, and the places of entities, but never an entity."""
        arms = self.arms
        found: dict[str, Any] = {"decision.arms": arms} if self.mixed else {"decision.arm": arms[0]}
        found["decision.places"] = [round(place, 6) for place in self.places]
        if self.failure:
            found["decision.challenger_failed"] = self.failure
        return found


def as_text(entity: Any) -> str | None:
    """Return an entity as it is hashed, None where it is missing: 4, 4.0 and "4" are the same one.

    >>> as_text(4.0), as_text("C-17"), as_text(float("nan"))
    ('4', 'C-17', None)
    """
    if isinstance(entity, float):
        return str(int(entity)) if entity.is_integer() else None if isnan(entity) else str(entity)
    return None if entity is None else str(entity)


def is_sound(scored: Any) -> bool:
    """Tell whether all that is said of rows is finite."""
    return all(np.isfinite(values).all() for values in scored)


def explained(servable: Servable, batch: Batch, rows: Records, reasons: int) -> tuple[Any, Sequence[Any] | None]:
    """Return scores of rows, and as many reasons for each as asked for; see `Assigned.scored`."""
    scored = servable.score(batch)
    if not reasons or rows is None:
        return scored, None
    return scored, servable.reasons(batch, rows, reasons, kind_of(servable).explained(scored))


def part(batch: Batch, mask: np.ndarray) -> Batch:
    """Return some rows."""
    return Batch(batch.numbers[mask], None if batch.texts is None else batch.texts[mask])


def merged(mask: np.ndarray, theirs: Any, ours: Any) -> Any:
    """Return scores of rows in their order: of those in the mask from the first, of the others from the second."""
    found = []
    for one, other in zip(theirs, ours, strict=True):
        whole = np.empty((len(mask), *one.shape[1:]), one.dtype)
        whole[mask], whole[~mask] = one, other
        found.append(whole)
    return theirs._make(found)


def check_interchangeable(champion: Servable, challenger: Servable) -> None:
    """Raise when a request that the champion can answer is one that the challenger can't.

    Raises
    ------
    PipelineError
        Says what differs, and what to do.
    """
    differs = None
    if (champion.name, champion.task, champion.classes) != (challenger.name, challenger.task, challenger.classes):
        differs = "another name, task or classes"
    elif new := sorted({*challenger.numbers} - {*champion.numbers} | {*challenger.texts} - {*champion.texts}):
        differs = f"features that the champion does not take: {', '.join(new)}"
    elif gaps := sorted(champion.missing.intersection(challenger.features) - challenger.missing):
        differs = f"features that may not be missing, and may be for the champion: {', '.join(gaps)}"
    elif not list_of(champion).plan.tracks and list_of(champion).digest != list_of(challenger).digest:
        differs = "another feature list, and the service makes features of raw records"
    if differs:
        raise PipelineError(
            f"{challenger.version} can't be a challenger of {champion.version}: it has {differs}; promote it in mode"
            " single, without a trial"
        )


def _of(rows: Records, mask: np.ndarray) -> Records:
    return None if rows is None else [row for row, taken in zip(rows, mask.tolist(), strict=True) if taken]


def _merged_reasons(mask: np.ndarray, theirs: Any, ours: Any) -> list[Any] | None:
    if theirs is None:
        return None
    first, second = iter(theirs), iter(ours)
    return [next(first if taken else second) for taken in mask.tolist()]
