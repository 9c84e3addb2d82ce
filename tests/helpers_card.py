"""What the tests of the model card share: the figures of a small run, and a trace of each number back to an input."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lifecycle.card.model_card import INTERVAL, Facts, Window
from lifecycle.core.hashes_and_versions import File
from lifecycle.core.tables import read_json
from lifecycle.core.yaml_text import read_yaml
from lifecycle.document.markdown_template import number
from lifecycle.problem.loading import load_problem
from lifecycle.repository.revision_files import outputs
from tests.helpers_model import params

MADE = ("data/raw/records.parquet", "models/model.joblib")


class Project:
    """The folder whose figures are told of; `figures_of_a_run` sets it."""

    folder: Path


@pytest.fixture(autouse=True)
def figures_of_a_run(reproduced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell of the small run that the slow tests share; a test module that imports this name asks for it."""
    monkeypatch.setattr(Project, "folder", reproduced, raising=False)


def records() -> dict[str, Any]:
    """Return the JSON files that a card is made from, by path."""
    import card

    return {path: read_json(Project.folder / path) for path in card.READ}


def facts(**changes: Any) -> Facts:
    """Return facts of the small run, with changes."""
    found = Facts(
        name="transactions",
        problem=load_problem("transactions"),
        json=records(),
        windows={
            "training": Window("2018-07-25 00:00", "2018-07-31 23:58", 67_240, 598),
            "test": Window("2018-08-08 00:01", "2018-08-14 23:59", 58_264, 385),
        },
        files=[File(path, "0123456789abcdef" * 2, 4096) for path in MADE],
        versions={"scikit-learn": "1.9.1"},
        delay_days=7.0,
        strategy="time",
        fixed_threshold=False,
        audit=params().audit,
    )
    return found._replace(**changes)


def values(content: Any) -> Iterator[Any]:
    """Give each key and each value of nested content."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield key
            yield from values(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from values(value)
    else:
        yield content


def words(text: str) -> set[str]:
    """Return the words of a text that hold a digit, without punctuation and Markdown's own signs."""
    found = re.findall(r"[^\s|`()\[\]\"]*\d[^\s|`()\[\]\"]*", text.replace("\\", ""))
    return {word.strip(".,;:") for word in found}


def legal(inputs: Any) -> set[str]:
    """Return the words with digits that a card may hold: each input number as it is rounded, each word of a text."""
    found = words(INTERVAL) | {"md5"}  # the name of the hash
    for value in values(inputs):
        if isinstance(value, str):
            moment = re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", value)
            found |= words(value) | words(moment[0].replace("T", " ") if moment else "")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found |= {number(value), json.dumps(value), f"{value:g}"}
    return found


def untraced(card: str, inputs: Any) -> set[str]:
    """Return the numbers of a card that stand in no input."""
    return words(card) - legal(inputs)


def locked_outputs() -> dict[str, str]:
    """Return the md5 that the run's dvc.lock holds of each output."""
    lock = read_yaml((Project.folder / "dvc.lock").read_text(encoding="utf-8"))
    return {path: out["md5"] for path, out in outputs(lock).items()}
