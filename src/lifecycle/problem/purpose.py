"""The purpose of a model, and the words that people use for its records, positives and entities."""

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Words:
    """What people call a record, its two kinds and its entity: in the model card, the plots, reasons and the summary.

    Parameters
    ----------
    record, entity : str
        Nouns in the singular: "loan", "company".
    positive : str
        A record whose label is 1, a noun in the singular: "default".
    negative : str
        A record whose label is 0, a noun or an adjective: "repaid".

    Examples
    --------
    >>> words = Words(record="loan", positive="default", entity="company")
    >>> words.records, words.positives, words.entities
    ('loans', 'defaults', 'companies')
    """

    record: str = "record"
    positive: str = "positive"
    negative: str = "negative"
    entity: str = "entity"

    @property
    def records(self) -> str:
        """Several records."""
        return plural(self.record)

    @property
    def positives(self) -> str:
        """Several records whose label is 1."""
        return plural(self.positive)

    @property
    def entities(self) -> str:
        """Several entities."""
        return plural(self.entity)


def plural(noun: str) -> str:
    """Return the regular plural of an English noun.

    Examples
    --------
    >>> plural("loan"), plural("company"), plural("batch"), plural("day")
    ('loans', 'companies', 'batches', 'days')
    """
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "z", "ch", "sh")) else f"{noun}s"


@dataclass(frozen=True)
class Purpose:
    """What a problem says of its model's use. Each text is a sentence of its own.

    Parameters
    ----------
    task : str
        What the model says of a record.
    users : tuple of str
        Who works with it.
    uses : tuple of str
        What it is made for.
    forbidden : tuple of str
        What it must not be used for.
    ethics : tuple of str
        Whom a wrong or unequal decision harms, and what is done about it.
    caveats : tuple of str
        What the figures do not show.
    """

    task: str
    users: tuple[str, ...]
    uses: tuple[str, ...]
    forbidden: tuple[str, ...]
    ethics: tuple[str, ...]
    caveats: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a text where a tuple of texts belongs: a missing comma makes one, and a list of letters follows."""
        for field in fields(self)[1:]:
            if not isinstance(getattr(self, field.name), tuple):
                raise TypeError(f"purpose: {field.name} must be a tuple of sentences, such as ('One.',)")


ANSWERS = {  # by the kind of target
    "binary": "Rank records by the probability of the target, and mark those above a threshold.",
    "multiclass": "Say the probability of each class of a record, and decide for one.",
    "regression": "Predict the number of a record, and an interval that holds it with a stated share.",
}
# For a problem without a purpose: true of every model that this pipeline makes.
NOT_DECLARED = Purpose(
    task="{answer} The problem's file declares no purpose, so what follows holds for every model of this pipeline.",
    users=("Not stated: the people who answer for the model are to be named before it is used.",),
    uses=("Experiments on data of the declared contract, until a purpose is declared and reviewed.",),
    forbidden=(
        "Decisions on people without a person who can review and reverse them.",
        "Records of another source, region or kind than the training data.",
    ),
    ethics=("Not stated: who is harmed by a wrong decision, and how it is put right, has not been considered yet.",),
    caveats=("The figures hold for the records tested on; nothing says that later records resemble them.",),
)


def not_declared(task: str) -> Purpose:
    """Return what is said of the model of a problem without a purpose."""
    return replace(NOT_DECLARED, task=NOT_DECLARED.task.format(answer=ANSWERS[task]))
