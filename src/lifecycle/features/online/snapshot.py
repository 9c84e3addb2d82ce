"""The online state in one file: the records within reach, as arrays, with the values derived from them."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lifecycle.disk import sync_folder
from lifecycle.features.online.packing import as_bytes, pack, unpack
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record import Record
from lifecycle.features.vocabulary import DAY_US
from lifecycle.stage import PipelineError


@dataclass(frozen=True)
class Snapshot:
    """Records in (time, arrival) order; text is in arrays of objects.

    Parameters
    ----------
    time : numpy.ndarray of int64, shape (n,)
        Microseconds since 1970.
    key : numpy.ndarray, shape (n,)
        What identifies them.
    values : dict of str to numpy.ndarray, shape (n,)
        The columns and derived values that windows read.
    digest : str
        Of the feature list it was made for.
    lateness_us : int
        How much older than its entities' newest record a later record may be, microseconds.
    position : int
        Up to which entry of a journal they are complete.
    horizon : int, optional
        Entities that no record of this time or later could see are not here: what is older can't be taken for them.
    """

    time: np.ndarray
    key: np.ndarray
    values: dict[str, np.ndarray]
    digest: str
    lateness_us: int
    position: int = 0
    horizon: int | None = None

    def record(self, row: int) -> Record:
        """Return one record; its arrival is its row."""
        values = {name: column[row : row + 1].tolist()[0] for name, column in self.values.items()}
        return Record(int(self.time[row]), row, self.key[row : row + 1].tolist()[0], values)

    def check(self, plan: Plan, lateness_us: int) -> None:
        """Raise when this can't be continued with a feature list and lateness.

        Raises
        ------
        PipelineError
            Says why.
        """
        refuse_other("the snapshot", self.digest, plan.digest)
        if lateness_us > self.lateness_us:
            own, other = self.lateness_us / DAY_US, lateness_us / DAY_US
            raise PipelineError(f"the snapshot holds what records up to {own:g} days late need, not {other:g}")

    def save(self, path: Path) -> None:
        """Write the arrays, all or nothing: the same bytes for the same records."""
        about = [self.digest, self.lateness_us, self.position, list(self.values)]
        about += [] if self.horizon is None else [self.horizon]
        arrays: dict[str, Any] = {"time": self.time, **pack("key", self.key)}
        for name, column in self.values.items():
            arrays |= pack(f"values.{name}", column)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                np.savez(file, about=as_bytes(about), **arrays)
                file.flush()
                os.fsync(file.fileno())
            put(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path | BinaryIO) -> "Snapshot":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            digest, lateness_us, position, names, *horizon = json.loads(file["about"].tobytes())
            values = {name: unpack(f"values.{name}", file) for name in names}
            return cls(file["time"], unpack("key", file), values, digest, lateness_us, position, *horizon)


def put(temporary: Path, path: Path) -> None:
    """Rename a file so that it stays renamed when the power fails."""
    temporary.replace(path)
    sync_folder(path.parent)


def refuse_other(what: str, digest: str, wanted: str) -> None:
    """Raise when something was made for another feature list than the wanted one.

    Raises
    ------
    PipelineError
        Says what to do.
    """
    if digest != wanted:
        raise PipelineError(
            f"{what} was made for another feature list or lateness (digest {digest}, not {wanted}); make a new snapshot"
            " with this list, and start from it in an empty place"
        )
