"""Change the code in every small way that mutmut knows, and name the changes that no test notices.

`make mutants` runs it over `FOLDERS`, each with the tests of the same folder. It fails when a survivor is not in
tests/surviving_mutants.txt, or when that list has a line that no survivor needs. Everything stays in mutants/.
"""

import ast
import json
import multiprocessing
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PLACE, LISTED = ROOT / "mutants", ROOT / "tests/surviving_mutants.txt"
FOLDERS = ("contract", "splits", "audit")
NOT_NOTICED = {0: "survived", 5: "no test", 33: "no test"}  # by mutmut's code for the fate of a mutant
NOT_TRIED = (None, 2)
ENOUGH = 40  # characters that show which place is meant
ANYTHING = "..."


class Mutant(NamedTuple):
    """One change of one function."""

    text: str  # file, function, and the code with {what stands there -> what the mutant has}
    code: int | None  # mutmut's, for its fate


def run(folder: str) -> None:
    """Make the mutants of a folder and run its tests on each; the log is mutants/run.log."""
    from mutmut.__main__ import cli
    from mutmut.configuration import config
    from mutmut.mutation.mutators import mutation_operators, operator_string

    mutation_operators[:] = [pair for pair in mutation_operators if pair[1] is not operator_string]  # wording
    config().only_mutate = [f"src/lifecycle/{folder}/*"]
    config().pytest_add_cli_args_test_selection = [f"tests/lifecycle/{folder}"]
    os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with (PLACE / "run.log").open("w", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    cli(["run"], standalone_mode=False)


def mutants() -> Iterator[Mutant]:
    """Read what mutmut left: of each file the functions in all their forms, and beside it the fates."""
    for record in sorted(PLACE.glob("src/lifecycle/*/*.py.meta")):
        file = record.with_suffix("")
        tree = ast.parse(file.read_text(encoding="utf-8"))
        functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for key, code in json.loads(record.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            name = key.rpartition(".")[2]
            mangled = name.rpartition("__mutmut_")[0]
            function = mangled.removeprefix("x").strip("ǁ").replace("ǁ", ".").removeprefix("_")
            change = difference(functions[f"{mangled}__mutmut_orig"], functions[name])
            yield Mutant(f"{file.parent.name}/{file.name} {function}: {change}", code)


def difference(right: ast.AST, wrong: ast.AST) -> str:
    """Return the smallest part that tells the place, with what differs in braces.

    Examples
    --------
    >>> difference(ast.parse("a = f(b, c + 1)"), ast.parse("a = f(b, c - 1)"))
    'a = f(b, c {+ -> -} 1)'
    """
    pair: tuple[ast.AST, ast.AST] | None = (right, wrong)
    parts = []
    while pair is not None:
        parts.append(pair)
        pair = _inner(*pair)
    # A statement that holds others says less than what is in it.
    plain = [both for both in parts if isinstance(both[0], ast.expr) or not hasattr(both[0], "body")] or parts[-1:]
    texts = [(ast.unparse(one), ast.unparse(other)) for one, other in plain]
    chosen = next((both for both in reversed(texts) if len(both[0]) >= ENOUGH), texts[0])
    before, after = (re.findall(r"\w+|\s+|.", text) for text in chosen)
    same = _shared(before, after)
    rest = _shared(before[same:][::-1], after[same:][::-1])
    head, tail = before[:same], before[len(before) - rest :]
    middle = "".join(before[same : len(before) - rest]), "".join(after[same : len(after) - rest])
    return re.sub(r"\s+", " ", "".join([*head, "{", " -> ".join(middle), "}", *tail]))


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many words two texts have in common at their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _inner(right: ast.AST, wrong: ast.AST) -> tuple[ast.AST, ast.AST] | None:
    """Return the one part in which two nodes differ; None where that is not one part of the same kind."""
    if type(right) is not type(wrong):
        return None
    mine, others = list(ast.iter_child_nodes(right)), list(ast.iter_child_nodes(wrong))
    if len(mine) != len(others):
        return None
    differ = [pair for pair in zip(mine, others, strict=True) if ast.dump(pair[0]) != ast.dump(pair[1])]
    return differ[0] if len(differ) == 1 and isinstance(differ[0][0], ast.expr | ast.stmt) else None


def listed() -> list[str]:
    """Return the lines of the list, without its comments."""
    lines = LISTED.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def covers(line: str, text: str) -> bool:
    """Tell whether a line of the list is about a mutant; three points stand for anything."""
    return bool(re.fullmatch(re.escape(line).replace(re.escape(ANYTHING), ".*"), text))


def tried(folder: str) -> list[Mutant]:
    """Try the mutants of a folder, in a process of its own: mutmut imports the code that it has changed."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir()
    process = multiprocessing.get_context("fork").Process(target=run, args=(folder,))
    process.start()
    process.join()
    found = list(mutants())
    if process.exitcode or not found or any(mutant.code in NOT_TRIED for mutant in found):
        sys.exit(f"{folder}: not all mutants were tried; {PLACE / 'run.log'} says why")
    return found


def main(folders: Sequence[str]) -> None:
    """Try folder after folder; fail for survivors that are not in the list and lines that no survivor needs."""
    os.chdir(ROOT)
    fails = False
    for folder in folders:
        found = tried(folder)
        survivors = [mutant for mutant in found if mutant.code in NOT_NOTICED]
        lines = [line for line in listed() if line.startswith(f"{folder}/")]
        new = [mutant for mutant in survivors if not any(covers(line, mutant.text) for line in lines)]
        idle = [line for line in lines if not any(covers(line, mutant.text) for mutant in survivors)]
        alive, total = len(survivors), len(found)
        print(f"{folder}: {total} mutants, {total - alive} noticed, {alive} survived, {len(new)} of them not listed")
        for mutant in new:
            print(f"not in {LISTED.name} ({NOT_NOTICED[mutant.code or 0]}): {mutant.text}")
        for line in idle:
            print(f"no survivor needs this line of {LISTED.name}: {line}")
        fails |= bool(new or idle)
    sys.exit(1 if fails else 0)


if __name__ == "__main__":
    main(sys.argv[1:] or FOLDERS)
