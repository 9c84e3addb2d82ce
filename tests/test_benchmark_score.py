"""What benchmarks/score.py measures is the same work on both sides, and a difference is told."""

from pathlib import Path

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import score
from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import write_json
from tests.helpers_bundle import of_shops, some_decision, write_bundle
from tests.helpers_sales import sales, write


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    decision = some_decision(method="sigmoid", slope=3.0, intercept=-2.0)
    write_bundle(tmp_path / "bundle", of_shops("extra_trees"), decision)
    joblib.dump(of_shops("extra_trees"), tmp_path / "model")
    write_json(decision, tmp_path / "decision")
    write(sales(700), tmp_path / "features")
    for name in ("bundle", "model", "decision", "features"):
        monkeypatch.setattr(score, name.upper(), tmp_path / name)
    assert score.write_copies(2_000, tmp_path / "rows") == 2_100
    assert pq.read_metadata(tmp_path / "rows").num_row_groups == 1
    score.by_bundle(tmp_path / "rows", tmp_path / "own")
    score.by_pipeline(tmp_path / "rows", tmp_path / "other")
    return tmp_path / "own", tmp_path / "other"


def test_both_sides_give_the_same_bits(sides: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    score.check(*sides)
    assert capsys.readouterr().out == "equal, bit by bit\n"


def test_a_bit_of_difference_is_told(sides: tuple[Path, Path]) -> None:
    table = pq.read_table(sides[0])
    moved = table["score"].to_numpy().copy()
    moved[-1] = np.nextafter(moved[-1], 2)
    place = table.column_names.index("score")
    pq.write_table(table.set_column(place, "score", pa.array(moved)), sides[0])
    with pytest.raises(PipelineError, match="score: the two sides differ"):
        score.check(*sides)
