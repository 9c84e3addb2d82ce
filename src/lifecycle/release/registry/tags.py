"""The names of the registry's tags: those of gto (https://mlem.ai/doc/gto), which gto and DVC read.

    model@v1.2.0            a version is registered
    model#prod-canary#4     the version of the tag's commit enters a stage
    model#prod-canary!#5    it leaves the stage
    asked/model/prod/promote/v1.2.0/6    a step that waits for a second person; no tag of gto's, which passes it over

The last number counts all that happened to the artifact, so no name stands twice.
"""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

from lifecycle.core.errors import PipelineError

ASKED = "asked"
NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9/_-]*[a-zA-Z0-9])?"
STAGE = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
NUMBER = r"v(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)"
COUNT = r"0|[1-9]\d*"
FORMS = (
    re.compile(f"(?P<artifact>{NAME})@(?P<number>{NUMBER})", re.ASCII),
    re.compile(f"(?P<artifact>{NAME})#(?P<stage>{STAGE})(?P<leaves>!?)#(?P<counter>{COUNT})", re.ASCII),
    re.compile(
        f"{ASKED}/(?P<artifact>{NAME})/(?P<stage>{STAGE})/(?P<asked>[a-z]+)/(?P<number>{NUMBER})/(?P<counter>{COUNT})",
        re.ASCII,
    ),
)
Bump = Literal["major", "minor", "patch"]


class TagName(NamedTuple):
    """What the name of a tag says.

    Parameters
    ----------
    artifact : str
        The name of the model in the registry.
    number : str
        Release number, `v1.2.0`; empty where the tag's commit tells it.
    stage : str
        Stage that is entered or left; of a request, its environment.
    leaves : bool
        Whether the stage is left.
    counter : int
        Running number; a registration has none.
    asked : str
        Step that a request is for.
    """

    artifact: str
    number: str = ""
    stage: str = ""
    leaves: bool = False
    counter: int = 0
    asked: str = ""

    def __str__(self) -> str:
        """Return the name.

        >>> str(TagName("model", stage="prod-canary", leaves=True, counter=5))
        'model#prod-canary!#5'
        """
        if self.asked:
            return f"{ASKED}/{self.artifact}/{self.stage}/{self.asked}/{self.number}/{self.counter}"
        if self.stage:
            return f"{self.artifact}#{self.stage}{'!' if self.leaves else ''}#{self.counter}"
        return f"{self.artifact}@{self.number}"


def parse_tag(name: str) -> TagName | None:
    """Return what the name of a tag says; None where it is none of the registry's.

    >>> parse_tag("model@v1.2.0").number, parse_tag("v1.2.0")
    ('v1.2.0', None)
    """
    for form in FORMS:
        if found := form.fullmatch(name):
            said = found.groupdict()
            return TagName(
                said["artifact"], said.get("number") or "", said.get("stage") or "", said.get("leaves") == "!",
                int(said.get("counter") or 0), said.get("asked") or "",
            )  # fmt: skip
    return None


def patterns(artifact: str) -> tuple[str, str, str]:
    """Return the patterns of the tags of an artifact, as `git fetch` has them; for a list, the last ends in `**`."""
    return f"refs/tags/{artifact}@*", f"refs/tags/{artifact}#*", f"refs/tags/{ASKED}/{artifact}/*"


def check_artifact(name: str) -> str:
    """Return a name that gto takes for a model.

    Raises
    ------
    PipelineError
        It takes another kind of name.
    """
    if len(name) < 2 or re.fullmatch(NAME, name) is None or "//" in name or name.startswith(f"{ASKED}/"):
        raise PipelineError(
            f"dvc.yaml, artifacts: {name!r} can't be a name in the registry: at least two letters, digits, - _ or /,"
            f" the first and the last a letter or a digit, not below {ASKED}/"
        )
    return name


def order(number: str) -> tuple[int, ...]:
    """Return what release numbers are sorted by.

    >>> sorted(["v1.10.0", "v1.9.2"], key=order)
    ['v1.9.2', 'v1.10.0']
    """
    return tuple(map(int, number[1:].split(".")))


def check_number(number: str) -> str:
    """Return a release number.

    Raises
    ------
    PipelineError
        It is none.
    """
    if re.fullmatch(NUMBER, number, re.ASCII) is None:
        raise PipelineError(f"--version {number}: a release number is vMAJOR.MINOR.PATCH, such as v1.2.0")
    return number


def next_number(numbers: Iterable[str], bump: Bump) -> str:
    """Return the release number that follows the largest one; without any, v0.0.0 is before the first.

    >>> next_number(["v1.2.3"], "minor")
    'v1.3.0'
    """
    parts = [*max(map(order, numbers), default=(0, 0, 0))]
    place = get_args(Bump).index(bump)
    return "v" + ".".join(map(str, [*parts[:place], parts[place] + 1, *[0] * (2 - place)]))
