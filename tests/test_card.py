"""The stage on a small project: what it writes stands in its inputs, and in nothing else."""

import shutil

import pandas as pd
import pytest

import card as stage
from lifecycle.core.tables import write_table
from tests.graph import holds, stages
from tests.helpers_card import Project, figures_of_a_run, locked_outputs, records, untraced  # noqa: F401
from tests.helpers_model import ROOT, params, payments, run_stages, write_params


@pytest.fixture
def project(tmp_path, figures_of_a_run):  # noqa: F811
    """Lay out the files of the stage: the committed records, and small tables."""
    for path in (*stage.READ, "requirements.lock"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy((ROOT if path == "requirements.lock" else Project.folder) / path, tmp_path / path)
    for path, rows in zip(stage.FILES, (4000, 3000, 2000, 1000), strict=False):
        write_table(payments()[:rows], tmp_path / path)
    (tmp_path / "models/model.joblib").write_bytes(b"a model")
    write_params(tmp_path)
    return tmp_path


def written(project):
    run_stages(project, "card")
    return (project / "metrics/card/model_card.md").read_bytes()


def test_every_number_stands_in_a_declared_input(project, monkeypatch):
    text = written(project).decode()
    monkeypatch.chdir(project)
    tables = [pd.read_parquet(path) for path in (stage.TRAIN, stage.TEST)]
    told = [[len(one), int(one["is_fraud"].sum()), *map(str, (one["tx_time"].min(), one["tx_time"].max()))]
            for one in tables]  # fmt: skip
    made = [[file.md5, file.size] for file in stage.lineage(stage.FILES)]
    lock = (project / "requirements.lock").read_text(encoding="utf-8")
    locked = stage.versions(lock)
    inputs = [records(), told, made, locked, params().model_dump(), 7]  # 7: the problem's delay
    assert untraced(text, inputs) == set()
    assert untraced(text.replace("## Factors", "## Factors\n\n0.5432"), inputs) == {"0.5432"}


def test_the_same_inputs_give_the_same_bytes(project):
    assert written(project) == written(project)


def test_another_model_file_is_another_lineage(project):
    before = written(project)
    (project / "models/model.joblib").write_bytes(b"another model")
    assert written(project) != before


def test_the_stage_declares_what_it_reads():
    declared = {dep for dep in stages()["card"]["deps"] if not dep.startswith("src/")}
    read = {*stage.READ, *stage.FILES, "requirements.lock"}
    assert {name for name in read if not any(holds(place, name) for place in declared)} == set()
    assert {place for place in declared if not any(holds(place, name) for name in read)} == set()


@pytest.mark.parametrize("path", stage.FILES)
def test_hashes_are_those_of_dvc_lock(path):
    (file,) = stage.lineage([str(Project.folder / path)])
    assert file.md5 == locked_outputs()[path]
