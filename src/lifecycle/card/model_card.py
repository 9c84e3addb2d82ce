"""A model card: what a model is, what it is for, how it was judged, and where it must not be trusted.

The nine sections are those of Mitchell et al., "Model Cards for Model Reporting" (2019). No number is written here:
each is read from what the stages wrote.
"""

import json

from lifecycle.card.analyses import analyses, widest_gap
from lifecycle.card.facts import Facts, Window
from lifecycle.document.blocks import Block, Code, Document, Section, Strong, Table, Text, bullets, number, text
from lifecycle.evaluation.decision import AMOUNT, Decision
from lifecycle.evaluation.metrics import meaning
from lifecycle.problem.purpose import Words


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
    purpose = facts.purpose
    return (
        text(Strong("Task."), f" {purpose.task}"),
        text(Strong("Users")),
        bullets(purpose.users),
        text(Strong("Made for")),
        bullets(purpose.uses),
        text(Strong("Forbidden")),
        bullets(purpose.forbidden),
    )


def _factors(facts: Facts) -> tuple[Block, ...]:
    problem = facts.problem
    kinds = (
        ("Slices, whose figures are told one by one", problem.slices),
        ("Groups of people, who must be treated alike", problem.groups),
    )
    blocks: list[Block] = []
    for title, bands in kinds:
        cuts = bullets((band.name, ", by ", Code(band.column)) for band in bands) if bands else text("None declared.")
        blocks += [text(Strong(title)), cuts]
    if problem.sensitive:
        names = [part for name in problem.sensitive for part in (", ", Code(name))][1:]
        blocks.append(text("Kept out of every feature, and used for nothing but this audit: ", *names, "."))
    few = f"{number(facts.audit.min_positives)} {facts.words.positives}"
    noise = "its figures are noise as much as anything, and are held against no limit."
    return (*blocks, text(f"A slice or a group with fewer than {few} is marked as few: {noise}"))


def _caveats(facts: Facts) -> list[str]:
    """Return what holds for every model that is judged this way."""
    unit = "records" if facts.problem.entity is None else facts.words.entities
    caveats = [
        f"The intervals resample the {unit} of one test window: they do not cover a change of behaviour after it.",
        "What a score rests on is no cause: a feature can stand in for something that nobody recorded.",
        "The threshold is right for the declared costs only; with other costs, run the stage that decides again.",
    ]
    if not facts.problem.groups:
        caveats.append("No group of people is declared, so nothing is known of unequal treatment.")
    return [*widest_gap(facts), *caveats]


def details(facts: Facts) -> tuple[Block, ...]:
    """Return the section's blocks."""
    model = facts.json["models/hyperparameters.json"]
    values = tuple((Code(name), Code(json.dumps(value))) for name, value in model["hyperparameters"].items())
    files = tuple((Code(file.path), Code(file.md5), number(file.size)) for file in facts.files)
    return (
        text("A model of the kind ", Code(model["model"]), " for the problem ", Code(facts.name), ", trained by the"
             " pipeline of this repository. Which one it is, the hashes tell."),
        Table(("file", "md5, as in dvc.lock", "bytes"), files, left=2),
        Table(("library", "locked version"), tuple((Code(n), Code(v)) for n, v in facts.versions.items()), left=2),
        Table(("hyper-parameter", "value"), values, left=2),
    )  # fmt: skip


def evaluation_data(facts: Facts) -> tuple[Block, ...]:
    """Return the section's blocks."""
    late = ""
    if facts.delay_days:
        late = f" A label is known {number(facts.delay_days)} days late; no feature or training row knew one before."
    return (
        _window("Test window", facts.windows["test"], facts.words),
        *_left_out(facts),
        text("It is later than all that the model, the calibration and the threshold were made from.", late),
    )


def _left_out(facts: Facts) -> tuple[Block, ...]:
    """Return a paragraph on the records of the test window that nobody has to judge, if there are any."""
    split, words = facts.json["metrics/split/split.json"]["split"], facts.words
    if not split["test_rows_left_out"]:
        return ()
    count = f"{number(split['test_rows_left_out'])} further {words.records} of these days are left out:"
    reason = f" their {words.entity} had a known {words.positive} by then ("
    return (text(count, reason, Code("split.drop_known_entities"), ")."),)


def training_data(facts: Facts) -> tuple[Block, ...]:
    """Return the section's blocks."""
    quality = facts.json["metrics/validate/data_quality.json"]["data"]
    columns = {column["name"]: column for column in facts.json["models/features.json"]["columns"]}
    rows = tuple(
        (Code(name), columns[name]["definition"], columns[name]["unit"])
        for name in facts.json["metrics/explain/explanation.json"]["features"]  # those that the model sees
    )
    return (
        _window("Training window", facts.windows["training"], facts.words),
        text("Cut from ", number(quality["rows_kept"]), " records with ", number(quality["positives"]),
             f" {facts.words.positives}, {_time(quality['first'])} to {_time(quality['last'])}. Of ",
             number(quality["rows_in"]), " that came in, ", number(quality["rows_rejected"]), " were put in quarantine"
             " because they broke the contract, and ", number(quality["rows_out_of_order"]), " stood behind a later one"
             " and were sorted."),
        text("What the model sees of a record:"),
        Table(("feature", "definition", "unit"), rows, left=3),
    )  # fmt: skip


def _window(title: str, window: Window, words: Words) -> Text:
    counts = f"{number(window.records)} records, {number(window.positives)} of them {words.positives};"
    return text(Strong(f"{title}."), f" {counts} the first of {window.first}, the last of {window.last}.")


def _time(moment: str) -> str:
    return moment[:16].replace("T", " ")  # to the minute


def metrics(facts: Facts) -> tuple[Block, ...]:
    """Return the section's blocks."""
    figures = facts.json["metrics/evaluate/evaluation.json"]["test"]
    rows = tuple((Code(name), meaning(name, facts.words)) for name in figures)
    decision = Decision.from_json(facts.json["models/decision.json"])
    return (
        Table(("figure", "meaning"), rows, left=2),
        _decision(facts, decision),
        *_calibration(decision, figures["calibration_error"]),
    )


def _decision(facts: Facts, decision: Decision) -> Text:
    chosen = facts.json["metrics/decide/decision.json"]["decision"]
    missed, budget = decision.cost_false_negative, decision.alert_budget_per_day
    cost = ("the record's own ", Code(facts.problem.amount or missed)) if missed == AMOUNT else (number(missed),)
    return text(
        Strong("Decision."), " An alert is raised from a score of ", number(decision.threshold),
        ", a probability of ", number(chosen["probability_at_threshold"]),
        ": the threshold that costs least on the validation windows, where a false alert costs ",
        number(decision.cost_false_positive), f" and a missed {facts.words.positive} ", *cost, ". There it cost ",
        number(chosen["cost_per_record"]), " per record, with ", number(chosen["alerts_per_day"]), " alerts a day. ",
        "No budget limits the alerts." if budget is None else f"At most {number(budget)} alerts a day are allowed.",
    )  # fmt: skip


def _calibration(decision: Decision, error: float) -> tuple[Block, ...]:
    rows = tuple((Code(name), number(value)) for name, value in decision.brier_out_of_time.items())
    paragraph = text(
        Strong("Calibration."), " Scores become probabilities by the method ", Code(decision.calibration.method),
        "; on the test window the calibration error is ", number(error),
        ". Out of time, before the test window, the methods had these Brier scores:",
    )  # fmt: skip
    return paragraph, Table(("method", "Brier score"), rows)
