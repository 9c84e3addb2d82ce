"""What a model is for, in the words of those who answer for it: the part of a model card that no figure can tell."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Purpose:
    """What a problem says of its model's use. Each text is a sentence of its own.

    Parameters
    ----------
    task : str
        What the model tells of a record.
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


# For a problem that says nothing: true of every model that this pipeline makes.
UNSAID = Purpose(
    task="Rank records by the probability of the target, and mark those above a threshold. The problem's file declares"
    " no purpose, so what follows holds for every model of this pipeline.",
    users=("Not stated: the people who answer for the model are to be named before it is used.",),
    uses=("Experiments on data of the declared contract, until a purpose is declared and reviewed.",),
    forbidden=(
        "Decisions on people without a person who can review and reverse them.",
        "Records of another source, region or kind than the training data.",
    ),
    ethics=("Not stated: who is harmed by a wrong decision, and how it is put right, has not been considered yet.",),
    caveats=("The figures hold for the test window; nothing says that later records resemble it.",),
)
