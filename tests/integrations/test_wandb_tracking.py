"""An offline run of Weights & Biases holds what DVC says of the workspace."""

import json
from pathlib import Path

import pytest

from integrations.experiment_rows import rows_of
from tests.conftest import run
from tests.graph import ROOT
from tests.integrations.helpers_environments import call

READER = Path(__file__).with_name("run_wandb_reader.py")


@pytest.mark.nightly
def test_a_run_is_read_back_with_its_figures_and_refers_to_the_bundle(reproduced: Path, tmp_path: Path) -> None:
    arguments = ("-m", "integrations.wandb_tracking", "--folder", str(tmp_path))
    places = {"WANDB_DATA_DIR": str(tmp_path / "data"), "WANDB_CACHE_DIR": str(tmp_path / "cache")}
    call("wandb", "python", *arguments, folder=reproduced, **places)
    (written,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    read = json.loads(call("wandb", "python", str(READER), str(written), folder=ROOT))
    row = next(rows_of(json.loads(run("dvc exp show --json", reproduced).stdout)))
    assert read["id"] == row.revision
    assert {name: read["config"][name] for name in row.params} == row.params
    assert {name: read["summary"][name] for name in row.metrics} == row.metrics
    assert read["artifacts"] == {"fraud": sorted(path.name for path in (reproduced / "models/bundle").iterdir())}
    assert not list(tmp_path.rglob("*.onnx"))  # referred to, not copied
