"""Read the graph from dvc.yaml, and what a script imports from its source: the two sides the honesty tests compare."""

import ast
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src"
# What `docs/serving.md` says how to take off; other pages may go on naming it.
WING = (
    "src/service/", "tests/service/", "benchmarks/serving/", "docs/serving.md", "docs/protocols.md", "deploy/logging/",
    "docs/logging.md", "deploy/kubernetes/", "deploy/helm/", "docs/kubernetes.md",
    "docs/deploy.md", "deploy/docker/", "deploy/compose", "deploy/azure/", "deploy/edge/",
    "deploy/gateways/", "docs/gateways.md",
)  # fmt: skip


def taken_off(file: str) -> bool:
    """Tell whether a file is missing because it was part of the service, and that was taken off."""
    return file.startswith(WING) and not (SRC / "service").exists()


def imports(path: Path) -> set[Path]:
    """Return the files under src/ that one file names in import statements, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {file for name in names for file in _files_of(name)}


def imported_files(script: Path) -> set[Path]:
    """Return all files under src/ that a script imports, directly or not, without the script itself."""
    found: set[Path] = set()
    queue = [script]
    while queue:
        for path in imports(queue.pop()):
            if path not in found and path != script:
                found.add(path)
                queue.append(path)
    return found


def _files_of(module: str) -> set[Path]:
    """Return the file of a module, and the __init__ of each package on the way to it."""
    parts = module.split(".")
    files = {SRC.joinpath(*parts[:i], "__init__.py") for i in range(1, len(parts) + 1)}
    return {file for file in (*files, SRC.joinpath(*parts).with_suffix(".py")) if file.is_file()}


def before(name: str) -> list[str]:
    """Return the stages whose outputs a stage rests on, directly or not."""
    makers = {out: stage for stage, content in stages().items() for out in _outputs(content)}
    found: list[str] = []
    queue = [name]
    while queue:
        made_by = {makers[dep] for dep in stages()[queue.pop()]["deps"] if dep in makers} - set(found)
        found += made_by
        queue += made_by
    return found


def _outputs(stage: dict) -> list[str]:
    listed = [*stage.get("outs", []), *stage.get("metrics", [])]
    return [out if isinstance(out, str) else next(iter(out)) for out in listed]


def stages() -> dict[str, dict]:
    """Return the stages of dvc.yaml with `${problem}` filled in."""
    problem = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["problem"]
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8").replace("${problem}", problem)
    return yaml.safe_load(text)["stages"]


def holds(place: str, file: str) -> bool:
    """Tell whether a dependency, a file or a folder, covers a file."""
    return file == place or file.startswith(f"{place}/")
