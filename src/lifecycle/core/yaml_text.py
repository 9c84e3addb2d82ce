"""YAML as DVC reads and writes it: version 1.2, where 1e-05 is a number and `on` is a text."""

import io
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError, merge_marks

ANY_WIDTH = 10**6  # no line is broken in two


def read_yaml(text: str) -> Any:
    """Return the content of a YAML text.

    Raises
    ------
    ValueError
        It is no YAML, a key stands twice, or a date does not exist.

    Examples
    --------
    >>> read_yaml("rate: 1e-05")
    {'rate': 1e-05}
    """
    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise ValueError(merge_marks(text) or str(error)) from error


def as_yaml(value: Any) -> str:
    """Return a plain value as it stands in a YAML file.

    Examples
    --------
    >>> as_yaml(None), as_yaml(0.5), as_yaml("on"), as_yaml("1")
    ('null', '0.5', 'on', '"1"')
    """
    if isinstance(value, str) and not _is_plain(value):
        value = DoubleQuotedScalarString(value)
    return _dumped({"key": value}).removeprefix("key: ").removesuffix("\n")


def set_values(path: str | Path, block: str, values: Mapping[str, Any], removed: Collection[str] = ()) -> None:
    """Set plain values by key in a block of a YAML file, and take keys away; comments, order and line ends stay.

    A key that is new stands before the block's last one: behind that one the comments of the next block may begin.

    Raises
    ------
    PipelineError
        The file would not hold just these values afterwards; it is left as it was.
    """
    old = Path(path).read_bytes().decode("utf-8")
    line_end = "\r\n" if "\r\n" in old else "\n"
    content, before = _editor().load(old.replace("\r\n", "\n")), read_yaml(old)
    new_keys = {name: value for name, value in values.items() if name not in before[block]}
    content[block].update({name: value for name, value in values.items() if name not in new_keys})
    new = _dumped(content)
    if new_keys or removed:
        new = _with_other_keys(new, block, new_keys, removed)
    wanted = {name: value for name, value in (before[block] | values).items() if name not in removed}
    if not _says(new, before | {block: wanted}):
        advice = f"{dict(values)}" + (f", without {', '.join(removed)}" if removed else "")
        raise PipelineError(f"{path}: {block} can't be changed by a program; set by hand: {advice}")
    with atomic(path) as temporary:
        temporary.write_bytes(new.replace("\n", line_end).encode())


def _with_other_keys(text: str, block: str, new: Mapping[str, Any], removed: Collection[str]) -> str:
    """Add and remove lines of a block, each of which holds one key with its value."""
    places = _editor().load(text)[block].lc.data  # line and column of each key
    lines, (last, column, *_) = text.splitlines(keepends=True), max(places.values())
    gone = {places[name][0] for name in removed}
    added = [f"{' ' * column}{name}: {as_yaml(value)}\n" for name, value in new.items()]
    kept = [[line] * (number not in gone) for number, line in enumerate(lines)]
    kept[last] = added + kept[last]
    return "".join(line for several in kept for line in several)


def _says(text: str, content: Any) -> bool:
    try:
        return bool(read_yaml(text) == content)
    except ValueError:
        return False


def _editor() -> YAML:
    """Return what reads and writes a file with its comments."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = ANY_WIDTH
    yaml.Representer = _Representer
    return yaml


class _Representer(RoundTripRepresenter):
    """Writes `null` in full: nothing at all reads like a value that was forgotten."""


_Representer.add_representer(
    type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
)


def _is_plain(text: str) -> bool:
    """Return whether a text needs no quotes."""
    try:
        return bool(read_yaml(f"key: {text}") == {"key": text})
    except ValueError:
        return False


def _dumped(content: Any) -> str:
    text = io.StringIO()
    _editor().dump(content, text)
    return text.getvalue()
