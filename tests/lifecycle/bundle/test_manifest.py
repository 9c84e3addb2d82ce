"""A bundle that is not, byte for byte, what its manifest says is refused, and the message names the file."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from lifecycle.bundle.manifest import FILES, MANIFEST, manifest_bytes, read_manifest, read_member, verify
from lifecycle.core.errors import PipelineError
from tests.graph import SRC
from tests.helpers_bundle import of_shops, write_bundle


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "bundle"
    write_bundle(folder, of_shops("extra_trees"))
    return folder


@pytest.fixture
def bundle(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "bundle")


def flip(path, rng):
    content = bytearray(path.read_bytes())
    content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    path.write_bytes(content)


def cut(path, rng):
    os.truncate(path, rng.integers(path.stat().st_size))


def lengthen(path, rng):
    path.write_bytes(path.read_bytes() + rng.bytes(rng.integers(1, 9)))


def zero(path, rng):
    path.write_bytes(bytes(path.stat().st_size))


def remove(path, rng):
    path.unlink()


def link(path, rng):
    path.rename(path.parent.parent / path.name)
    path.symlink_to(path.parent.parent / path.name)


def make_a_folder(path, rng):
    path.unlink()
    path.mkdir()


def repeat(path, rng):
    content = path.read_bytes()
    path.write_bytes((content + content)[1 : len(content) + 1])


CORRUPTIONS = (flip, cut, lengthen, zero, remove, link, make_a_folder, repeat)


@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda corrupt: corrupt.__name__)
@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_file_that_is_damaged_missing_or_no_file_is_refused_by_name(bundle, name, corrupt):
    corrupt(bundle / name, np.random.default_rng(3))
    with pytest.raises(PipelineError, match=rf"bundle/{name}: (damaged|not a plain file|No such file)"):
        verify(bundle)


def test_two_hundred_random_corruptions_are_two_hundred_refusals(whole, tmp_path):
    rng = np.random.default_rng(0)
    refused = []
    for _ in range(200):
        bundle = shutil.copytree(whole, tmp_path / "bundle")
        name, corrupt = rng.choice([*FILES, MANIFEST]), rng.choice(np.array(CORRUPTIONS, object))
        corrupt(bundle / name, rng)
        with pytest.raises(PipelineError) as refusal:
            verify(bundle)
        refused.append(f"bundle/{name}: " in str(refusal.value))
        shutil.rmtree(bundle)
    assert refused == [True] * 200


def test_every_single_bit_of_the_manifest_s_first_line_and_digest_counts(bundle):
    content = (bundle / MANIFEST).read_bytes()
    for place in (*range(20), *range(len(content) - 90, len(content))):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            (bundle / MANIFEST).write_bytes(changed)
            with pytest.raises(PipelineError, match=r"manifest\.json: damaged"):
                read_manifest(bundle)


def test_a_manifest_written_in_another_way_is_refused(bundle):
    content = json.loads((bundle / MANIFEST).read_bytes())
    (bundle / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(PipelineError, match=r"manifest\.json: damaged"):
        verify(bundle)


@pytest.mark.parametrize("name", ["more.txt", ".hidden", "model.onnx.bak"])
def test_a_file_that_the_manifest_does_not_name_is_refused(bundle, name):
    (bundle / name).touch()
    with pytest.raises(PipelineError, match=rf"bundle/{name}: no file of this bundle"):
        verify(bundle)
    (bundle / name).unlink()
    (bundle / name).mkdir()
    with pytest.raises(PipelineError, match=rf"bundle/{name}: no file of this bundle"):
        verify(bundle)


def resealed(bundle, change):
    content = json.loads((bundle / MANIFEST).read_bytes())
    change(content)
    (bundle / MANIFEST).write_bytes(manifest_bytes(content))


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda c: c.update(format=1), "format 1; this program reads format 2"),
        (lambda c: c.update(format=None), "format None"),
        (lambda c: c.pop("params"), "not a manifest of format 2"),
        (lambda c: c.update(made_by="me"), "not a manifest of format 2"),
        (lambda c: c.update(files=[]), "not a manifest of format 2"),
        (lambda c: c["files"].pop("model.onnx"), "not a manifest of format 2"),
        (lambda c: c["files"].update({"../secret": c["files"]["model.onnx"]}), "not a manifest of format 2"),
        (lambda c: c["files"].update({"/etc/passwd": c["files"]["model.onnx"]}), "not a manifest of format 2"),
        (lambda c: c["files"]["model.onnx"].update(size="1"), "not a manifest of format 2"),
        (lambda c: c["files"]["model.onnx"].update(size=True), "not a manifest of format 2"),
        (lambda c: c["files"]["model.onnx"].update(sha256="0" * 63), "not a manifest of format 2"),
        (lambda c: c["files"]["model.onnx"].update(sha256=None), "not a manifest of format 2"),
        (lambda c: c["files"]["model.onnx"].update(sha256="0" * 64), "bundle/model.onnx: damaged: its sha256"),
    ],
)
def test_a_whole_manifest_that_says_something_else_is_refused(bundle, change, refusal):
    resealed(bundle, change)
    with pytest.raises(PipelineError, match=refusal):
        verify(bundle)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b'"text"', b"{}", b"[" * 100_000, b"\xff\xfe", b"NaN", b"{}\n"]
)
def test_what_is_no_manifest_is_refused(bundle, content):
    (bundle / MANIFEST).write_bytes(content)
    with pytest.raises(PipelineError, match=r"manifest\.json: damaged"):
        verify(bundle)


def test_what_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(PipelineError, match=r"none.manifest.json: there is no bundle; `dvc repro` makes it"):
        verify(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(PipelineError, match=r"file/manifest\.json: there is no bundle"):
        verify(tmp_path / "file")


def test_a_pipe_is_refused_before_it_is_opened(bundle):
    (bundle / "state.npz").unlink()
    os.mkfifo(bundle / "state.npz")
    with pytest.raises(PipelineError, match=r"state\.npz: not a plain file"):
        verify(bundle)


def test_one_file_is_checked_when_it_is_read(bundle):
    manifest = verify(bundle)
    assert read_member(bundle, manifest, "model_card.md") == b"# Shops\n"
    (bundle / "model_card.md").write_bytes(b"# Shaps\n")
    with pytest.raises(PipelineError, match=r"model_card\.md: damaged: its sha256"):
        read_member(bundle, manifest, "model_card.md")


def test_the_version_follows_from_the_content(bundle):
    manifest = read_manifest(bundle)
    assert len(manifest.version) == 12
    resealed(bundle, lambda content: content["params"].update(seed=1))
    assert verify(bundle).version != manifest.version


def command(*arguments):
    run = [sys.executable, "mlops.py", "verify", "--bundle", *map(str, arguments)]
    return subprocess.run(run, cwd=SRC, capture_output=True, text=True, check=False)


def test_the_command_says_name_version_files_and_ok(bundle):
    done = command(bundle)
    assert done.returncode == 0
    first, *files, last = done.stdout.splitlines()
    assert first == f"shops {verify(bundle).version}"
    assert [line.split()[1] for line in files] == list(FILES)
    assert last == "ok"


def test_the_command_says_the_fault_and_fails(bundle):
    (bundle / "state.npz").unlink()
    done = command(bundle)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {bundle}/state.npz: No such file or directory\n"
