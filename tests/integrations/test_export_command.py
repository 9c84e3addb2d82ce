"""The command hands over to the target that it names, and every target that it lists is there."""

from importlib import import_module
from pathlib import Path

import pytest
import yaml

from integrations import graph_description
from integrations.export_command import TARGETS, export
from lifecycle.core.errors import PipelineError
from tests.graph import ROOT
from tests.integrations.helpers_orchestrators import SMALL


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_there_and_says_what_it_takes(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    module, _, function = TARGETS[target][0].partition(":")
    assert callable(getattr(import_module(module), function))
    with pytest.raises(SystemExit) as ended:
        export([target, "--help"])
    assert ended.value.code == 0
    assert f"mlops.py export {target}" in capsys.readouterr().out


def test_without_a_target_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    export([])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == [*TARGETS]


def test_an_unknown_target_is_refused_with_the_list() -> None:
    with pytest.raises(PipelineError, match=r"'luigi' is no target of export(.|\n)*airflow"):
        export(["luigi"])


def test_a_file_is_written_and_is_what_is_printed_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(graph_description, "read_tasks", lambda: SMALL.tasks)  # DVC takes a second each time
    options = ["argo", "--image", "i", "--claim", "c"]
    export(options)
    printed = capsys.readouterr().out
    export([*options, "--output", str(tmp_path / "workflow.yaml")])
    assert (tmp_path / "workflow.yaml").read_text(encoding="utf-8") == printed
    assert yaml.safe_load(printed)["kind"] == "Workflow"
