"""Load the problem that params.yaml names, fill in its defaults where a param is null, and say what is set nowhere."""

import importlib
import importlib.util
import traceback
from collections.abc import Callable
from typing import Any

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import DecideParams, Params, SplitParams
from lifecycle.core.section import Section, SectionT, checked
from lifecycle.problem.declaration_checks import check_declaration, check_strategy
from lifecycle.problem.problem import Problem

WINDOW_LENGTHS = ("train_days", "delay_days", "test_days")
COSTS = ("cost_false_positive", "cost_false_negative")


def load_problem(name: str, *checks: Callable[[Problem], None]) -> Problem:
    """Import a problem by the name of its file in src/problems, and check it.

    `checks` are run after `check_declaration`, such as `lifecycle.features.feature_declaration_checks.check_features`.

    Raises
    ------
    PipelineError
        There is no such problem, or its declaration contradicts itself.
    """
    if importlib.util.find_spec(f"problems.{name}") is None:
        raise PipelineError(f"params.yaml: problem = {name!r}: there is no src/problems/{name}.py")
    try:
        module = importlib.import_module(f"problems.{name}")
    except (AttributeError, ImportError, NameError, SyntaxError, TypeError, ValueError) as error:
        raise PipelineError(f"src/problems/{name}.py{_line(error, name)}: {error}") from error
    problem = getattr(module, "PROBLEM", None)
    if problem is None:
        raise PipelineError(f"src/problems/{name}.py: it must define PROBLEM = Problem(...)")
    if not isinstance(problem, Problem):
        raise PipelineError(f"src/problems/{name}.py: PROBLEM must be a lifecycle.problem.Problem")
    try:
        for check in (check_declaration, *checks):
            check(problem)
    except PipelineError as error:
        raise PipelineError(f"src/problems/{name}.py: {error}") from error
    return problem


def load_generator(name: str) -> Callable[..., Any]:
    """Return the function `simulate` of a module of src/problems/generators."""
    if importlib.util.find_spec(f"problems.generators.{name}") is None:
        raise PipelineError(f"generator = {name!r}: there is no src/problems/generators/{name}.py")
    simulate: Callable[..., Any] = importlib.import_module(f"problems.generators.{name}").simulate
    return simulate


def _line(error: Exception, name: str) -> str:
    """Return the line of a problem's file that an error comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename.endswith(f"{name}.py")]
    return f", line {lines[-1]}" if lines else ""


def fill(section: SectionT, problem: Problem, block: str) -> SectionT:
    """Replace each `null` of a params block by the problem's own default, or by what follows from its roles.

    Raises
    ------
    PipelineError
        A default has a wrong type or range.
    """
    values = section.model_dump(by_alias=True)
    defaults = {**problem.implied.get(block, {}), **problem.defaults.get(block, {})}
    own = {key: value for key, value in defaults.items() if values.get(key) is None}
    return checked(type(section), values | own, f"the problem's defaults for {block}")


def check_settings(params: Params, problem: Problem) -> None:
    """Check that what the task and the way to split need is set, in params.yaml or in the problem's defaults.

    Raises
    ------
    PipelineError
        Names every key that is missing, or the role that a key asks for and the problem has not.
    """
    blocks = params.model_dump(by_alias=True)  # a copy: what is refused here is no input of what a stage writes
    split = fill(checked(SplitParams, blocks["split"], "split"), problem, "split")
    decide = fill(checked(DecideParams, blocks["decide"], "decide"), problem, "decide")
    needed = [("split", name) for name in WINDOW_LENGTHS if split.strategy == "time"]
    needed += [("decide", name) for name in COSTS if problem.task == "binary"]
    filled: dict[str, Section] = {"split": split, "decide": decide}
    missing = [(block, name) for block, name in needed if getattr(filled[block], name) is None]
    if missing:
        block, name = missing[0]
        raise PipelineError(
            f"not set: {', '.join(map('.'.join, missing))}; set it in params.yaml, or in the problem's file, like"
            f' defaults={{"{block}": {{"{name}": ...}}}}'
        )
    check_strategy(problem, split)
    if problem.time is None and blocks["validate"]["as_of"] is not None:
        raise PipelineError("validate.as_of: the problem has no time; set it to null, or name the column of times")
