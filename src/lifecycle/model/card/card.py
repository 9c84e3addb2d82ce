"""A model card: what a model is, what it is for, how it was judged, and where it must not be trusted.

The nine sections are those of Mitchell et al., "Model Cards for Model Reporting" (2019). No number is written here:
each is read from what the stages wrote.
"""

from lifecycle.model.card.analyses import analyses
from lifecycle.model.card.data import evaluation_data, training_data
from lifecycle.model.card.details import details
from lifecycle.model.card.facts import Facts
from lifecycle.model.card.groups import widest_gap
from lifecycle.model.card.metrics import metrics
from lifecycle.model.card.words import bullets, number
from lifecycle.report.document import Block, Code, Document, Section, Strong, text


def card(facts: Facts) -> Document:
    """Return the card."""
    sections = (
        Section("Model details", details(facts)),
        Section("Intended use", _use(facts)),
        Section("Factors", _factors(facts)),
        Section("Metrics", metrics(facts)),
        Section("Evaluation data", evaluation_data(facts)),
        Section("Training data", training_data(facts)),
        Section("Quantitative analyses", analyses(facts)),
        Section("Ethical considerations", (bullets(facts.purpose.ethics),)),
        Section("Caveats and recommendations", (bullets((*facts.purpose.caveats, *_caveats(facts))),)),
    )
    about = text(
        "Written by ", Code("src/card.py"), " from the files of ", Code("metrics/"), " and ", Code("models/"),
        ", in the sections of Mitchell et al., Model Cards for Model Reporting.",
    )  # fmt: skip
    return Document(f"Model card: {facts.name}", (about,), sections)


def _use(facts: Facts) -> tuple[Block, ...]:
    said = facts.purpose
    return (
        text(Strong("Task."), f" {said.task}"),
        text(Strong("Users")),
        bullets(said.users),
        text(Strong("Made for")),
        bullets(said.uses),
        text(Strong("Forbidden")),
        bullets(said.forbidden),
    )


def _factors(facts: Facts) -> tuple[Block, ...]:
    problem = facts.problem
    kinds = (
        ("Slices, whose figures are told one by one", problem.slices),
        ("Groups of people, who must be treated alike", problem.groups),
    )
    blocks: list[Block] = []
    for title, bands in kinds:
        found = bullets((band.name, ", by ", Code(band.column)) for band in bands) if bands else text("None declared.")
        blocks += [text(Strong(title)), found]
    if problem.sensitive:
        names = [part for name in problem.sensitive for part in (", ", Code(name))][1:]
        blocks.append(text("Kept out of every feature, and used for nothing but this audit: ", *names, "."))
    few = text(
        "A slice or a group with fewer than ", number(facts.audit.min_positives), " frauds is marked as few: its"
    )
    return (*blocks, text(*few.parts, " figures are noise as much as anything, and are held against no limit."))


def _caveats(facts: Facts) -> list[str]:
    """Return what holds for every model that is judged this way."""
    unit = "records" if facts.problem.card is None else "cards"
    said = [
        f"The intervals resample the {unit} of one test window: they do not cover a change of behaviour after it.",
        "What a score rests on is no cause: a feature can stand in for something that nobody recorded.",
        "The threshold is right for the declared costs only; with other costs, run the stage that decides again.",
    ]
    if not facts.problem.groups:
        said.append("No group of people is declared, so nothing is known of unequal treatment.")
    return [*widest_gap(facts), *said]
