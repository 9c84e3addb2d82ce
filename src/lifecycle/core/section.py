"""A block of params.yaml: its keys are those of a class, and what is wrong with one is told in words."""

from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lifecycle.core.errors import PipelineError
from lifecycle.core.url_secrets import public

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """A block of params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


SectionT = TypeVar("SectionT", bound=Section)


def checked(section: type[SectionT], content: Any, origin: str) -> SectionT:
    """Build a section, or raise a PipelineError that names each bad key, its value and what is legal."""
    try:
        return section.model_validate(content)
    except ValidationError as error:
        advice: dict[str, list[str]] = {}
        for fault in error.errors():
            path, owner = _locate(fault["loc"], section)
            value = "" if fault["type"] == "missing" else f" = {public(repr(fault['input']))}"
            advice.setdefault(f"{path}{value}", []).append(_words(fault, owner))
        lines = [f"{key}: {', or: '.join(dict.fromkeys(words))}" for key, words in advice.items()]
        raise PipelineError(f"{origin}:\n  " + "\n  ".join(lines)) from error


def _locate(loc: tuple[Any, ...], section: type[Section]) -> tuple[str, type[Section]]:
    """Return the key that an error is about, and its block; pydantic adds the kinds of a union at the end."""
    keys: list[str] = []
    owner: Any = section
    for part in loc:
        keys.append(str(part))
        inner = get_args(owner)[1] if get_origin(owner) is dict else keys_of(owner).get(str(part))
        if get_origin(inner) is not dict and not (isinstance(inner, type) and issubclass(inner, Section)):
            break
        owner = inner
    return ".".join(keys), owner


def keys_of(section: type[Section]) -> dict[str, Any]:
    """Return the keys of a section as they are written, with the type of each."""
    return {field.alias or name: field.annotation for name, field in section.model_fields.items()}


def _words(fault: Any, owner: type[Section]) -> str:
    if fault["type"] == "extra_forbidden":
        return f"unknown key; known here: {', '.join(keys_of(owner))}"
    if fault["type"] == "model_type":
        return f"must be a block with the keys {', '.join(keys_of(owner))}"
    return str(fault["msg"])
