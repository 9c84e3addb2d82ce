import difflib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.edit import as_yaml, set_values
from lifecycle.stage import PipelineError
from tests.helpers_model import ROOT, quick

TEXT = """\
# All of it.
seed: 1                      # not this one

train:
  model: extra_trees         # a family
  seed: 42                   # from 0
  # a remark on its own
  rate: 1.0e-3  # per round
  name: "a # b"              # quoted
  last: null
other:
  seed: 3                    # nor this one
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "params.yaml").write_bytes(TEXT.encode())
    return tmp_path / "params.yaml"


def test_only_the_values_change_and_comments_keep_their_column(path):
    set_values(path, "train", {"seed": 7, "rate": 1e-5, "last": 12})
    assert path.read_text() == (
        TEXT.replace("  seed: 42   ", "  seed: 7    ")
        .replace("rate: 1.0e-3  #", "rate: 1.0e-05 #")
        .replace("last: null", "last: 12")
    )


def test_a_longer_value_pushes_its_comment(path):
    set_values(path, "train", {"model": "hist_gradient_boosting"})
    assert "  model: hist_gradient_boosting # a family\n" in path.read_text()


def test_line_ends_of_other_systems_stay(path):
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    set_values(path, "train", {"seed": 7, "last": 1})
    assert path.read_bytes().count(b"\r\n") == path.read_bytes().count(b"\n") == TEXT.count("\n")


def test_the_repository_s_own_params_can_be_changed(tmp_path):
    old = (ROOT / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(old, encoding="utf-8")
    values = {"n_estimators": 61, "max_depth": None, "min_samples_leaf": 3.0e-5, "max_features": "sqrt"}
    set_values(tmp_path / "params.yaml", "train", values)
    new = (tmp_path / "params.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(old)
    assert yaml.safe_load(new) == content | {"train": content["train"] | values}
    changed = [line for line in difflib.ndiff(old.splitlines(), new.splitlines()) if line[0] in "+-"]
    assert len(changed) == 2 * len(values)
    assert all(line[2:].strip().split(":")[0] in values for line in changed)


@pytest.mark.parametrize(
    "text", ["train: {seed: 42}\n", "train:\n  seed:\n    42\n", "train:\n  deep:\n    seed: 4\n  seed: 2\n"]
)
def test_another_layout_is_refused_and_left_alone(path, text):
    path.write_text(text)
    with pytest.raises(PipelineError, match=r"set by hand: \{'seed': 7\}"):
        set_values(path, "train", {"seed": 7})
    assert path.read_text() == text


@quick
@given(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(min_size=1, max_size=12))
def test_a_value_is_read_back_as_it_was(value):
    read = yaml.safe_load(f"key: {as_yaml(value)}")["key"]
    assert read == value
    assert type(read) is type(value)
