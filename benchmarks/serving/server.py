"""What a server of `compare.py` is: how it is started, and what it is asked. Not run by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple


class Question(NamedTuple):
    """What a server is asked: where, and with which bodies; `read` takes the probabilities out of an answer."""

    path: str
    bodies: Sequence[bytes]
    read: Callable[[Any], list[float]]


@dataclass(frozen=True)
class Server:
    """How a server is started, and what it is asked.

    Parameters
    ----------
    name : str
        In the table.
    environment : str
        In which it runs; see `benchmarks.serving.environments`.
    command : sequence of str
        `{bin}` stands for the folder of its environment's commands, `{port}` for the port it shall answer at.
    folder : Path
        It is started in.
    one, many : Question
        With one row and with a hundred; None where it can't take as many.
    prepare : sequence of str
        A command that is run once before.
    variables : mapping of str to str
        What it finds in its environment.
    """

    name: str
    environment: str
    command: Sequence[str]
    folder: Path
    one: Question
    many: Question | None = None
    prepare: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def filled(word: str, made: Path) -> str:
    """Return a word of a command with the folder of an environment's commands in its place."""
    return word.replace("{bin}", str(made / "bin"))
