import json
import shutil
from pathlib import Path

import pytest

from lifecycle.bundle.bundle_files import seal, swapped_in
from lifecycle.bundle.manifest import FILES, verify
from tests.helpers_bundle import ORIGIN, of_shops, write_bundle


def filled(folder, text):
    (folder / "file").write_text(text)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def target(tmp_path):
    with swapped_in(tmp_path / "models/bundle") as folder:
        filled(folder, "old")
    return tmp_path / "models/bundle"


def test_a_folder_takes_the_place_of_the_old_one_whole(target):
    (target / "more").touch()
    with swapped_in(target) as folder:
        filled(folder, "new")
        assert content(target) == {"file": b"old", "more": b""}
    assert content(target) == {"file": b"new"}
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_run_leaves_the_old_folder_and_nothing_else(target, error):
    with pytest.raises(error), swapped_in(target) as folder:
        filled(folder, "new")
        raise error
    assert content(target) == {"file": b"old"}
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]


def test_what_can_not_be_put_in_place_leaves_the_old_folder_there(target, monkeypatch):
    rename = Path.rename

    def spy(self, other):
        if self.name.endswith(".new.tmp"):
            raise PermissionError("not today")
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", spy)
    with pytest.raises(PermissionError), swapped_in(target) as folder:
        filled(folder, "new")
    assert content(target) == {"file": b"old"}
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]


def killed(monkeypatch, renames):
    """Let a run end like one that is killed: after so many renames, and without tidying up."""
    done, rename = [], Path.rename

    def spy(self, other):
        if len(done) == renames:
            monkeypatch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)
            raise KeyboardInterrupt
        done.append(rename(self, other))

    monkeypatch.setattr(Path, "rename", spy)


@pytest.mark.parametrize(("renames", "left"), [(0, {"file": b"old"}), (1, None)])
def test_a_killed_run_leaves_the_old_folder_or_none_and_the_next_clears_up(target, renames, left):
    with pytest.MonkeyPatch.context() as patch:
        killed(patch, renames)
        with pytest.raises(KeyboardInterrupt), swapped_in(target) as folder:
            filled(folder, "half")
    assert (content(target) if target.exists() else None) == left
    assert len(list(target.parent.iterdir())) > 1
    with swapped_in(target) as folder:
        assert content(folder) == {}
        filled(folder, "new")
    assert content(target) == {"file": b"new"}
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_bundle(tmp_path / name / "bundle", of_shops("extra_trees"))
    assert content(tmp_path / "one/bundle") == content(tmp_path / "two/bundle")
    assert set(content(tmp_path / "one/bundle")) == {*FILES, "manifest.json"}


def test_manifest_and_provenance_name_every_file_and_what_it_was_made_from(tmp_path):
    folder = tmp_path / "bundle"
    write_bundle(folder, of_shops("extra_trees"))
    manifest = verify(folder).content
    assert list(manifest)[:3] == ["format", "name", "problem"]
    assert {key: manifest[key] for key in ORIGIN._fields} == ORIGIN._asdict()
    stated = json.loads((folder / "provenance.json").read_text())
    assert [subject["name"] for subject in stated["subject"]] == [name for name in FILES if name != "provenance.json"]
    for subject in stated["subject"]:
        assert subject["digest"]["sha256"] == manifest["files"][subject["name"]]["sha256"]


def test_a_file_that_is_not_there_can_t_be_sealed(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model\.onnx"):
        seal(tmp_path, ORIGIN)
