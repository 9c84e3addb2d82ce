"""Change values in a YAML file line by line: its comments, its order and its layout stay."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lifecycle.io import atomic
from lifecycle.stage import PipelineError


def as_yaml(value: Any) -> str:
    """Return a plain value as params.yaml writes it; a float keeps its point, `1.0e-05`, or YAML takes it for text."""
    return yaml.safe_dump(value, default_flow_style=True, width=1_000).splitlines()[0]


def set_values(path: str | Path, block: str, values: Mapping[str, Any]) -> None:
    """Replace values of keys that stand in a block of the file; nothing but their lines changes.

    Parameters
    ----------
    path : str or Path
        The file; it is replaced as a whole or not at all.
    block : str
        A key of the first level.
    values : mapping of str to plain value
        New values by the block's own keys.

    Raises
    ------
    PipelineError
        The file is laid out in a way in which this can't be done; it is left as it was.
    """
    old = Path(path).read_bytes().decode("utf-8")
    lines = old.splitlines(keepends=True)
    inside = False
    for number, line in enumerate(lines):
        inside = line.startswith(f"{block}:") or (inside and not re.match(r"[^\s#]", line))
        found = re.fullmatch(
            r"(?P<key> +(?P<name>\w+): +)(?P<value>\S.*?)(?P<gap> *)(?P<comment> #.*)?(?P<end>\r?\n?)", line
        )
        if inside and found and found["name"] in values:
            lines[number] = _line(found, as_yaml(values[found["name"]]))
    new = "".join(lines)
    content = yaml.safe_load(old)
    # What is written in several lines, twice or within braces is not found as a line: the outcome tells.
    if yaml.safe_load(new) != content | {block: content[block] | values}:
        raise PipelineError(f"{path}: {block} is not laid out as one line a value; set by hand: {dict(values)}")
    with atomic(path) as temporary:
        temporary.write_bytes(new.encode())


def _line(old: re.Match[str], value: str) -> str:
    """Return the line with another value, its comment in the same column if there is room."""
    text = old["key"] + value
    if old["comment"] is not None:
        text = text.ljust(old.start("comment")) + old["comment"]
    return text + old["end"]
