import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.errors import PipelineError
from lifecycle.core.yaml_text import as_yaml, read_yaml, set_values
from tests.helpers_model import quick
from tests.params import params_text

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
        .replace("rate: 1.0e-3  #", "rate: 1e-05   #")
        .replace("last: null", "last: 12")
    )


def test_a_longer_value_pushes_its_comment(path):
    set_values(path, "train", {"model": "hist_gradient_boosting"})
    assert "  model: hist_gradient_boosting # a family\n" in path.read_text()


def test_line_ends_of_other_systems_stay(path):
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    set_values(path, "train", {"seed": 7, "last": 1})
    assert path.read_bytes().count(b"\r\n") == path.read_bytes().count(b"\n") == TEXT.count("\n")


def test_the_params_of_the_template_can_be_changed(tmp_path):
    old = params_text()
    (tmp_path / "params.yaml").write_text(old, encoding="utf-8")
    values = {"n_estimators": 61, "max_depth": None, "min_samples_leaf": 3.0e-5, "max_features": "sqrt"}
    set_values(tmp_path / "params.yaml", "train", values)
    new = (tmp_path / "params.yaml").read_text(encoding="utf-8")
    content = read_yaml(old)
    assert read_yaml(new) == content | {"train": content["train"] | values}
    changed = [line for line in difflib.ndiff(old.splitlines(), new.splitlines()) if line[0] in "+-"]
    assert len(changed) == 2 * len(values)
    assert all(line[2:].strip().split(":")[0] in values for line in changed)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("train: {seed: 42, rate: 1}  # all\n", "train: {seed: 7, rate: 1}   # all\n"),
        ("train:\n  deep:\n    seed: 4\n  seed: 2\n", "train:\n  deep:\n    seed: 4\n  seed: 7\n"),
    ],
)
def test_another_layout_stays_as_it_is(path, text, changed):
    path.write_text(text)
    set_values(path, "train", {"seed": 7})
    assert path.read_text() == changed


def test_a_value_that_others_share_changes_here_alone(path):
    path.write_text("train:\n  seed: &shared 42\nother: *shared\n")
    set_values(path, "train", {"seed": 7})
    assert read_yaml(path.read_text()) == {"train": {"seed": 7}, "other": 42}


def test_what_a_program_can_not_change_is_refused_and_the_file_left_alone(path):
    text = "base: &base {seed: 1}\ntrain:\n  <<: *base\n  rate: 1\n"
    path.write_text(text)
    with pytest.raises(PipelineError, match=r"set by hand: \{'seed': nan\}"):
        set_values(path, "train", {"seed": float("nan")})
    assert path.read_text() == text


@pytest.mark.parametrize("text", ["a: [1", "a: 1\na: 2", "a: 2018-13-45"])
def test_what_is_no_yaml_is_one_kind_of_error(text):
    with pytest.raises(ValueError, match=r"\w"):
        read_yaml(text)


@quick
@given(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(min_size=1, max_size=12))
def test_a_value_is_read_back_as_it_was(value):
    read = read_yaml(f"key: {as_yaml(value)}")["key"]
    assert read == value
    assert type(read) is type(value)


def test_keys_come_and_go_and_all_comments_but_theirs_stay(path):
    set_values(path, "train", {"model": "ridge", "alpha": 0.5, "solver": "1"}, ["rate", "last"])
    changed = TEXT.replace("model: extra_trees         #", "model: ridge               #")
    changed = changed.replace("  rate: 1.0e-3  # per round\n", "")
    assert path.read_text() == changed.replace("  last: null\n", '  alpha: 0.5\n  solver: "1"\n')


def test_the_model_of_the_template_can_be_exchanged(tmp_path):
    old = params_text()
    (tmp_path / "params.yaml").write_text(old, encoding="utf-8")
    removed = ["n_estimators", "max_depth", "min_samples_leaf", "max_features"]
    set_values(tmp_path / "params.yaml", "train", {"model": "logistic_regression", "C": 0.1}, removed)
    new = (tmp_path / "params.yaml").read_text(encoding="utf-8")
    content = read_yaml(old)
    kept = {name: content["train"][name] for name in ("seed", "exclude_features", "continue_from", "more_trees")}
    assert read_yaml(new) == content | {"train": {"model": "logistic_regression", **kept, "C": 0.1}}
    before, after = ([line for line in text.splitlines() if "  model:" not in line] for text in (old, new))
    changed = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert [line[2:].strip().split(":")[0] for line in changed if line[0] == "-"] == removed
    assert [line for line in changed if line[0] == "+"] == ["+   C: 0.1"]


@pytest.mark.parametrize("text", ["train: {seed: 42, rate: 1}\n", "train:\n  seed: 42\n  rate:\n    - 1\n    - 2\n"])
def test_a_key_that_shares_its_line_or_has_several_is_left_to_a_person(path, text):
    path.write_text(text)
    with pytest.raises(PipelineError, match=r"can't be changed by a program; set by hand: \{'C': 1\}, without rate"):
        set_values(path, "train", {"C": 1}, ["rate"])
    assert path.read_text() == text
