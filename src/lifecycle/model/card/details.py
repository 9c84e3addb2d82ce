"""The model card's first section: the model, its hyper-parameters, and the files and libraries it was made with."""

import json

from lifecycle.model.card.facts import Facts
from lifecycle.model.card.words import number
from lifecycle.report.document import Block, Code, Table, text


def details(facts: Facts) -> tuple[Block, ...]:
    """Return the section's blocks."""
    made = facts.json["models/hyperparameters.json"]
    values = tuple((Code(name), Code(json.dumps(value))) for name, value in made["hyperparameters"].items())
    files = tuple((Code(file.path), Code(file.md5), number(file.size)) for file in facts.files)
    return (
        text("A model of the kind ", Code(made["model"]), " for the problem ", Code(facts.name), ", trained by the"
             " pipeline of this repository. Which one it is, the hashes tell."),
        Table(("file", "md5, as in dvc.lock", "bytes"), files, left=2),
        Table(("library", "locked version"), tuple((Code(n), Code(v)) for n, v in facts.versions.items()), left=2),
        Table(("hyper-parameter", "value"), values, left=2),
    )  # fmt: skip
