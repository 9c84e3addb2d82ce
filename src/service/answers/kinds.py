"""The kinds of target that the service answers for, by the task of a bundle."""

from collections.abc import Mapping

from lifecycle.bundle.servable import Servable
from service.answers.alert_answers import AlertAnswers
from service.answers.answer_kind import AnswerKind
from service.answers.class_answers import ClassAnswers
from service.answers.number_answers import NumberAnswers

KINDS: Mapping[str, AnswerKind] = {
    "binary": AlertAnswers(),
    "multiclass": ClassAnswers(),
    "regression": NumberAnswers(),
}


def kind_of(servable: Servable) -> AnswerKind:
    """Return what is said of the scores of a model."""
    return KINDS[servable.task]
