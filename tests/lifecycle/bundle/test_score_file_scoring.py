import os
import shutil
import signal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.bundle import model_input, result_parts
from lifecycle.bundle import score_file as score_module
from lifecycle.bundle.score_file import score_file
from lifecycle.core.errors import PipelineError
from tests.helpers_bundle import of_shops, some_decision, write_bundle
from tests.helpers_model import quick
from tests.helpers_sales import expected, sales, write

ROWS, PART, PARTS = 200, 15, 14
VALUES = 5 * PART  # five columns are read


@pytest.fixture(scope="module")
def servable(tmp_path_factory):
    decision = some_decision(method="sigmoid", slope=3.0, intercept=-2.0)
    return write_bundle(tmp_path_factory.mktemp("bundle"), of_shops("extra_trees"), decision)


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(score_module, "VALUES", VALUES)


@pytest.fixture(scope="module")
def whole(servable, tmp_path_factory):
    """Give rows, and the bytes that they are scored to in parts of fifteen."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score_module, "VALUES", VALUES)
        score_file(servable, write(sales(ROWS), folder / "in"), folder / "out")
    return sales(ROWS), (folder / "out").read_bytes()


def test_scores_are_those_of_the_served_model(servable, tmp_path):
    source = write(sales(5_000), tmp_path / "in")
    assert score_file(servable, source, tmp_path / "out") == 5_000
    found = pd.read_parquet(tmp_path / "out")
    pd.testing.assert_frame_equal(found, expected(servable, sales(5_000)), check_exact=True)
    assert 0 < found["alert"].sum() < len(found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_the_file_names_the_bundle(servable, whole, tmp_path):
    (tmp_path / "out").write_bytes(whole[1])
    metadata = pq.read_schema(tmp_path / "out").metadata
    assert metadata == {b"bundle": b"shops", b"bundle_version": servable.version.encode()}


cuts = st.fixed_dictionaries(
    {
        "row_group_size": st.integers(1, ROWS),
        "data_page_size": st.integers(1, 400),
        "write_batch_size": st.integers(1, 50),
        "use_dictionary": st.booleans(),
    }
)


def stopped(servable, source, target):
    """Score all parts, and stop before they are put together; return where they lie."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(result_parts.Parts, "join", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            score_file(servable, source, target)
    return list(target.with_name(f".{target.name}.parts").glob("*/*.arrow"))


@given(cut=cuts, threads=st.integers(1, 4))
@settings(parent=quick, max_examples=30)
def test_no_cut_of_the_file_changes_a_byte(servable, whole, tmp_path_factory, cut, threads):
    folder = tmp_path_factory.mktemp("cut")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score_module, "VALUES", VALUES)
        score_file(servable, write(whole[0], folder / "in", **cut), folder / "out", threads)
    assert (folder / "out").read_bytes() == whole[1]
    shutil.rmtree(folder)


@given(kept=st.sets(st.integers(0, PARTS - 1)), cut=cuts)
@settings(parent=quick, max_examples=30)
def test_any_parts_that_are_left_are_gone_on_from(servable, whole, tmp_path_factory, kept, cut):
    folder, scored = tmp_path_factory.mktemp("left"), []
    source = write(whole[0], folder / "in", **cut)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score_module, "VALUES", VALUES)
        parts = stopped(servable, source, folder / "out")
        assert len(parts) == PARTS
        for part in parts:
            if int(part.stem) not in kept:
                part.unlink()
        plain = model_input.batch_of
        patch.setattr(score_module, "batch_of", lambda *args: scored.append(args[-1] // PART) or plain(*args))
        score_file(servable, source, folder / "out")
    assert sorted(scored) == sorted(set(range(PARTS)) - kept)
    assert (folder / "out").read_bytes() == whole[1]
    shutil.rmtree(folder)


@pytest.mark.parametrize("change", ["a value", "the bundle"])
def test_parts_of_other_work_are_not_gone_on_from(change, servable, small_parts, tmp_path):
    frame = sales(ROWS)
    stopped(servable, write(frame, tmp_path / "in"), tmp_path / "out")
    if change == "a value":
        frame.loc[3, "number"] += 0.5
    else:
        servable = write_bundle(tmp_path / "other", of_shops("random_forest"))
    score_file(servable, write(frame, tmp_path / "in"), tmp_path / "out")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out"), expected(servable, frame), check_exact=True)
    assert not (tmp_path / ".out.parts").exists()


@pytest.mark.parametrize("row_groups", [0, 1])
def test_no_rows_give_an_empty_table(row_groups, servable, tmp_path):
    schema = pa.Table.from_pandas(sales(3), preserve_index=False).schema
    with pq.ParquetWriter(tmp_path / "in", schema) as writer:
        for _ in range(row_groups):
            writer.write_table(schema.empty_table())
    assert score_file(servable, tmp_path / "in", tmp_path / "out") == 0
    found = pq.read_table(tmp_path / "out")
    assert found.column_names == ["sale", "sold_at", "score", "probability", "alert"]
    assert len(found) == 0


def test_key_and_time_are_handed_on_where_they_are(servable, tmp_path):
    frame = sales(20).drop(columns="sold_at").assign(sale=lambda f: pd.Categorical(f["sale"].astype("str")))
    score_file(servable, write(frame, tmp_path / "in"), tmp_path / "some")
    found = pq.read_table(tmp_path / "some")
    assert found.column_names == ["sale", "score", "probability", "alert"]
    assert found["sale"].to_pylist() == frame["sale"].tolist()
    score_file(servable, write(frame.drop(columns="sale"), tmp_path / "in"), tmp_path / "none")
    assert pq.read_table(tmp_path / "none").column_names == ["score", "probability", "alert"]


@pytest.mark.parametrize("row", [0, PART - 1, PART, ROWS - 1])
def test_the_first_bad_value_is_told_with_row_and_column(row, servable, small_parts, tmp_path):
    frame = sales(ROWS)
    frame.loc[[row, ROWS - 1], "number"] = np.nan
    (tmp_path / "out").write_bytes(b"earlier")
    with pytest.raises(PipelineError, match=rf"in: row {row} \(the first is 0\), column number: is missing.*; nothing"):
        score_file(servable, write(frame, tmp_path / "in"), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_source_that_changes_meanwhile_is_told(servable, tmp_path, monkeypatch):
    source = write(sales(ROWS), tmp_path / "in")
    plain = model_input.batch_of
    monkeypatch.setattr(score_module, "batch_of", lambda *args: os.utime(source, (1, 1)) or plain(*args))
    with pytest.raises(PipelineError, match="in: it was changed while it was read"):
        score_file(servable, source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_source_that_is_another_one_by_the_time_it_is_named_is_told(servable, tmp_path, monkeypatch):
    """Parts of the file that was opened would have the name of the one that took its place."""
    source, plain = write(sales(ROWS), tmp_path / "in"), score_module._digest

    def replaced(*given):
        write(sales(ROWS + 1), tmp_path / "other").replace(source)
        return plain(*given)

    monkeypatch.setattr(score_module, "_digest", replaced)
    with pytest.raises(PipelineError, match="in: it was changed while it was read"):
        score_file(servable, source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("link", [os.link, os.symlink, None])
def test_the_source_is_not_written_over(link, servable, tmp_path):
    source, target = write(sales(5), tmp_path / "in"), tmp_path / ("out" if link else "in")
    before = source.read_bytes()
    if link:
        link(source, target)
    with pytest.raises(PipelineError, match="the same file"):
        score_file(servable, source, target)
    assert source.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"sale,number\n1,2\n", b"PAR1PAR1"])
def test_what_is_no_parquet_is_told(content, servable, tmp_path):
    (tmp_path / "in").write_bytes(content)
    with pytest.raises(PipelineError, match="in: not a readable parquet file"):
        score_file(servable, tmp_path / "in", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("place", range(0, 9_000, 750))
def test_damage_inside_is_told_in_words_if_it_can_be_seen(place, servable, tmp_path):
    content = bytearray(write(sales(ROWS), tmp_path / "in").read_bytes())
    content[place : place + 40] = b"\xff" * len(content[place : place + 40])
    (tmp_path / "in").write_bytes(content)
    try:
        score_file(servable, tmp_path / "in", tmp_path / "out")
    except PipelineError as error:
        assert "in: " in str(error)
        assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(("source", "target"), [(".", "out"), ("in", ".")])
def test_a_folder_is_refused(source, target, servable, tmp_path):
    write(sales(5), tmp_path / "in")
    with pytest.raises(PipelineError, match=r"folder|plain file"):
        score_file(servable, tmp_path / source, tmp_path / target)


def test_a_second_run_to_the_same_file_is_refused(servable, tmp_path, monkeypatch):
    source, plain, refused = write(sales(5), tmp_path / "in"), model_input.batch_of, []

    def meanwhile(*args):
        with pytest.raises(PipelineError, match="another run"):
            score_file(servable, source, tmp_path / "out")
        refused.append(True)
        return plain(*args)

    monkeypatch.setattr(score_module, "batch_of", meanwhile)
    score_file(servable, source, tmp_path / "out")
    assert refused == [True]
    assert len(pd.read_parquet(tmp_path / "out")) == 5


@pytest.mark.nightly
def test_a_flipped_byte_is_refused_in_words_or_changes_no_score(servable, tmp_path):
    content = write(sales(30), tmp_path / "in", write_page_checksum=True).read_bytes()
    score_file(servable, tmp_path / "in", tmp_path / "whole")
    whole, refused = pd.read_parquet(tmp_path / "whole"), 0
    for place in range(0, len(content), 3):
        (tmp_path / "in").write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        try:
            score_file(servable, tmp_path / "in", tmp_path / "out", threads=1)
        except PipelineError:
            refused += 1
            continue
        found = pd.read_parquet(tmp_path / "out")
        results = ["score", "probability", "alert"]
        pd.testing.assert_frame_equal(found[results], whole[results], check_exact=True)
    assert refused > len(content) / 9


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PAR1", b"PAR1" + bytes(50) + b"PAR1"])
def test_a_file_that_is_no_parquet_is_told_in_words(servable, tmp_path, content):
    (tmp_path / "in").write_bytes(content)
    with pytest.raises(PipelineError, match=r"in: not a readable parquet file .*; nothing was written"):
        score_file(servable, tmp_path / "in", tmp_path / "out")
