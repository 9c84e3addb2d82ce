"""The flow says what the graph says, and the real Prefect runs it."""

from pathlib import Path

import pytest

from integrations.prefect_flow import text
from tests.integrations.helpers_orchestrators import SMALL, exported, holds_for_every_orchestrator, started, table


def test_the_file_compiles_and_holds_the_tasks_and_the_settings() -> None:
    source = text(SMALL)
    assert table(source) == {task.name: (task.command, [*task.after]) for task in SMALL.tasks}
    assert "@task(retries=2)" in source
    assert "cwd='/work space'" in source
    assert "max_workers=1" in source


@pytest.mark.nightly
def test_the_real_prefect_runs_the_graph_tries_again_and_stops(workspace: Path, tmp_path: Path) -> None:
    file = exported("prefect", workspace, "flow.py")
    wait = {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180"}  # it starts a server of its own
    flow = started("prefect", "python", str(file), folder=workspace, home=tmp_path, **wait)
    holds_for_every_orchestrator(workspace, flow)
