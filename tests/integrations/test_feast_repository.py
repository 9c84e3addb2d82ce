"""Feast's values at a point in time, and online, are those of the table of features, bit for bit."""

import ast
import json
from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from integrations.feast_repository import definitions, export, write_table
from lifecycle.core.errors import PipelineError
from tests.integrations.helpers_environments import call

READS = Path(__file__).with_name("run_feast_reads.py")
HAVING = {"amount": "", "hour": "", "spent_7d": "customer_id", "ratio": "customer_id", "seen_30d": "terminal_id"}
CONTRACT: dict[str, Any] = {
    "time": "tx_time",
    "columns": [
        {"name": name, "entity": entity, "unit": "units", "definition": f"what it's of {name}"}
        for name, entity in HAVING.items()
    ],
}
TYPES = dict.fromkeys(HAVING, "double") | {"customer_id": "int64", "terminal_id": "int64"}


def fields(text: str) -> list[str]:
    """Return the names of the features that a file of definitions has."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    named = [{one.arg: one.value for one in node.keywords} for node in calls if getattr(node.func, "id", "") == "Field"]
    return [ast.literal_eval(one["name"]) for one in named]


def test_every_feature_of_an_entity_is_defined_and_those_of_the_record_alone_are_not() -> None:
    assert fields(definitions(CONTRACT, TYPES)) == ["spent_7d", "ratio", "seen_30d"]


def test_a_text_is_a_key_of_text() -> None:
    text = definitions(CONTRACT, TYPES | {"customer_id": "large_string"})
    assert "join_keys=['customer_id'], value_type=ValueType.STRING" in text
    assert "join_keys=['terminal_id'], value_type=ValueType.INT64" in text


def test_features_without_an_entity_are_refused() -> None:
    columns = [feature | {"entity": ""} for feature in CONTRACT["columns"]]
    with pytest.raises(PipelineError, match="no feature has an entity"):
        definitions(CONTRACT | {"columns": columns}, TYPES)


@pytest.mark.nightly
def test_the_join_and_the_online_values_have_the_bits_of_the_table(
    reproduced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reproduced)
    export(["--folder", str(tmp_path)])
    times = pq.read_table(tmp_path / "data/features.parquet", columns=["tx_time"])["tx_time"].to_pandas()
    start, end = (moment.date().isoformat() for moment in (times.min(), times.max() + (times.max() - times.min())))
    call("feast", "feast", "apply", folder=tmp_path)
    call("feast", "feast", "materialize", f"{start}T00:00:00", f"{end}T00:00:00", folder=tmp_path)
    found = json.loads(call("feast", "python", str(READS), str(tmp_path), start, folder=tmp_path).splitlines()[-1])
    assert set(found) == {"customer_id", "terminal_id"}
    for values in found.values():
        assert values["alone"] > 1_900  # records of an entity that no other one of the same moment hides
        assert values["joined"] == values["table"]
        assert values["online"] == values["newest"]


def test_times_are_written_in_utc_and_values_are_not_touched(tmp_path: Path) -> None:
    times = pa.array([0, 1_522_540_800_000_001], pa.timestamp("us"))
    columns = {name: [0.1, None] for name in TYPES}
    pq.write_table(pa.table(columns | {"tx_time": times, "other": [1, 2]}), tmp_path / "table.parquet")
    types = write_table(CONTRACT, tmp_path / "table.parquet", tmp_path / "written.parquet")
    written = pq.read_table(tmp_path / "written.parquet")
    assert written["tx_time"].to_pylist() == [moment.replace(tzinfo=UTC) for moment in times.to_pylist()]
    assert set(written.column_names) == {"tx_time", "customer_id", "terminal_id", "spent_7d", "ratio", "seen_30d"}
    assert all(written[name].to_pylist() == [0.1, None] for name in written.column_names if name != "tx_time")
    assert set(types) == set(written.column_names)
