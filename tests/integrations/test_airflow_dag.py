"""The DAG file says what the graph says, and the real Airflow runs it."""

from pathlib import Path

import pytest

from integrations.airflow_dag import text
from tests.integrations.helpers_orchestrators import SMALL, exported, holds_for_every_orchestrator, started, table


def test_the_file_compiles_and_holds_the_tasks_and_the_settings() -> None:
    source = text(SMALL)
    assert table(source) == {task.name: (task.command, [*task.after]) for task in SMALL.tasks}
    assert "retries=2" in source
    assert "cwd='/work space'" in source
    assert "max_active_runs=1, max_active_tasks=1" in source


@pytest.mark.nightly
def test_the_real_airflow_runs_the_graph_tries_again_and_stops(workspace: Path, tmp_path: Path) -> None:
    file = exported("airflow", workspace, "dags/graph.py")
    settings = {
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(file.parent),
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",  # 300 seconds otherwise
    }
    started("airflow", "airflow", "db", "migrate", folder=workspace, home=tmp_path, **settings)(0)
    test = ("airflow", "dags", "test", "transactions", "--dagfile-path", str(file))
    holds_for_every_orchestrator(workspace, started("airflow", *test, folder=workspace, home=tmp_path, **settings))
