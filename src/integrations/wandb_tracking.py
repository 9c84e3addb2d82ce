"""The workspace's run in Weights & Biases, offline: a folder that `wandb sync` sends when somebody wants it to.

    PYTHONPATH=src python -m integrations.wandb_tracking

Writes  exports/wandb/wandb/offline-run-*

wandb has an environment of its own: docs/integrations.md says how this is called. The bundle is referred to by its
address and hashes, not copied: DVC keeps it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from integrations.experiment_rows import Row, check_installed, experiments, rows_of, workspace_of
from lifecycle.core.errors import run

BUNDLE, FOLDER = Path("models/bundle"), Path("exports/wandb")


def log_run(row: Row, folder: Path, project: str) -> Path:
    """Write a run with the parameters as its config and the metrics as its summary; return its folder.

    Parameters
    ----------
    row : Row
        The workspace's, with the revision as the run's number: sent twice, it is one run.
    folder : Path
        Where runs are kept.
    project : str
        Its name at Weights & Biases.
    """
    import wandb  # type: ignore[import-not-found]  # in an environment of its own

    folder.mkdir(parents=True, exist_ok=True)
    settings = wandb.Settings(x_disable_stats=True, x_disable_machine_info=True, console="off", disable_git=True)
    with wandb.init(
        project=project,
        id=row.revision,
        dir=str(folder),
        mode="offline",
        config={**row.params, "dvc": {"revision": row.revision, **row.facts}},
        settings=settings,
    ) as started:
        started.log(dict(row.metrics))
        started.log_artifact(_bundle())
        return Path(started.dir).parent


def _bundle() -> Any:
    """Return the bundle as an artifact that holds references alone."""
    import wandb

    from lifecycle.bundle.manifest import verify

    manifest = verify(BUNDLE)
    artifact = wandb.Artifact(manifest.content["name"], "model", metadata={"bundle_version": manifest.version})
    artifact.add_reference(BUNDLE.absolute().as_uri())
    return artifact


def export(argv: Sequence[str]) -> None:
    """Write the workspace's run."""
    parser = argparse.ArgumentParser(prog="mlops.py export wandb", description="Write the workspace as an offline run.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where runs are kept; else {FOLDER}")
    parser.add_argument("--project", default="dvc", help="its name at Weights & Biases; else dvc")
    options = parser.parse_args(argv)
    check_installed("wandb")
    print(log_run(workspace_of(rows_of(experiments())), options.folder.absolute(), options.project))


if __name__ == "__main__":
    run(lambda: export(sys.argv[1:]))
