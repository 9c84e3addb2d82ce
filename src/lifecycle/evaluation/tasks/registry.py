"""The kinds of target by name. To add one, write its `Task` beside this file and name it here."""

from lifecycle.evaluation.tasks.binary import Binary
from lifecycle.evaluation.tasks.multiclass import Multiclass
from lifecycle.evaluation.tasks.regression import Regression
from lifecycle.evaluation.tasks.task import Task
from lifecycle.problem.problem import Problem

TASKS: dict[str, type[Task]] = {task.name: task for task in (Binary, Multiclass, Regression)}


def task_of(problem: Problem) -> Task:
    """Return the kind of target of a problem.

    Examples
    --------
    >>> sorted(TASKS)
    ['binary', 'multiclass', 'regression']
    """
    return TASKS[problem.task](problem)
