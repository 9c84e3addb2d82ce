import copy
import datetime
import math
import re
from functools import reduce

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Count, Params, load_block, load_params
from lifecycle.core.section import Section, checked
from tests.helpers_model import ROOT, quick
from tests.params import params_content

CONTENT = params_content()
OWN = ["ingest", "validate", "featurize", "split", "decide", "evaluate"]
BLOCKS = ["", *OWN]  # train takes further keys
KEYS = [
    *(f"{block}.{key}" for block in OWN for key in CONTENT[block]),
    *("train.model", "train.seed", "train.exclude_features", "problem", "validate", "train"),
]


def place_of(content, key):
    *blocks, name = key.split(".")
    return reduce(dict.__getitem__, blocks, content), name


def params_with(key, value):
    content = copy.deepcopy(CONTENT)
    block, name = place_of(content, key)
    block[name] = value
    return checked(Params, content, "params.yaml")


def refusal(key, value):
    with pytest.raises(PipelineError) as refused:
        params_with(key, value)
    return str(refused.value)


def load_text(tmp_path, text):
    (tmp_path / "params.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_params(tmp_path / "params.yaml")


def test_the_repositorys_own_params_are_legal():
    written = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["train"]
    further = load_params(ROOT / "params.yaml").train.hyperparameters
    assert {*further, "model", "seed", "exclude_features", "continue_from", "more_trees"} == set(written)


@pytest.mark.parametrize("block", BLOCKS)
def test_unknown_key_is_named_with_the_known_ones(block):
    key = f"{block}.max_dept".lstrip(".")
    known = ", ".join(reduce(dict.__getitem__, block.split("."), CONTENT) if block else CONTENT)
    assert refusal(key, 3) == f"params.yaml:\n  {key} = 3: unknown key; known here: {known}"


@pytest.mark.parametrize("key", KEYS)
def test_missing_key_is_named(key):
    content = copy.deepcopy(CONTENT)
    block, name = place_of(content, key)
    del block[name]
    with pytest.raises(PipelineError, match=rf"^params.yaml:\n  {key}: Field required$"):
        checked(Params, content, "params.yaml")


@pytest.mark.parametrize(
    ("key", "value", "legal"),
    [
        ("problem", "../mine", "pattern"),
        ("ingest.source", "ftp", "'auto', 'generate', 'file' or 'url'"),
        ("ingest.path", None, "string"),
        ("ingest.sha256", "abc", "{64}"),
        ("ingest.generate", 5, "dictionary"),
        ("validate.max_rejected_share", 1.5, "less than or equal to 1"),
        ("validate.max_rejected_share", -0.1, "greater than or equal to 0"),
        ("validate.max_age_days", 0, "greater than 0"),
        ("featurize.engine", "spark", "'serial', 'joblib' or 'dask'"),
        ("featurize.memory_budget", 0.2, "greater than or equal to 0.25"),
        ("featurize.memory_budget", "2", "number"),
        ("featurize.scheduler", "localhost:8786", "pattern"),
        ("featurize.scheduler", "tcp://localhost", "pattern"),
        ("split.folds", 1, "greater than or equal to 2"),
        ("split.train_days", "7", "number"),
        ("split.delay_days", -1.0, "greater than or equal to 0"),
        ("split.max_feature_auc", 0.5, "greater than 0.5"),
        ("split.drop_known_entities", "no", "boolean"),
        ("train.seed", 2**32, "less than 4294967296"),
        ("train.exclude_features", "amount", "list"),
        ("decide.calibration", "platt", "'auto', 'none', 'sigmoid' or 'isotonic'"),
        ("decide.alert_budget_per_day", 0.5, "integer"),
        ("evaluate.top_k", 0, "greater than or equal to 1"),
        ("evaluate.bootstrap_samples", 49, "greater than or equal to 50"),
        ("evaluate.leak_alarm", 0.0, "greater than 0"),
    ],
)
def test_illegal_value_is_told_with_key_value_and_what_is_legal(key, value, legal):
    message = refusal(key, value)
    assert message.startswith(f"params.yaml:\n  {key} = {value!r}: ")
    assert legal in message


@pytest.mark.parametrize("key", ["validate.max_age_days", "split.delay_days", "decide.cost_false_positive"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_number_that_is_not_finite_is_refused(key, value):
    assert f"{key} = {value}: Input should be a finite number" in refusal(key, value)


@pytest.mark.parametrize("value", ["free", -1.0, math.nan, True])
def test_value_of_two_kinds_is_refused_by_its_own_key_with_both_kinds(value):
    message = refusal("decide.cost_false_negative", value)
    assert f"  decide.cost_false_negative = {value!r}: " in message
    assert "number" in message or "greater than or equal to 0" in message
    assert "'amount'" in message


def test_every_fault_is_told_at_once():
    content = copy.deepcopy(CONTENT) | {"surprise": 1, "split": CONTENT["split"] | {"folds": 0, "test_days": "x"}}
    with pytest.raises(PipelineError, match=r"(?s)split\.folds = 0.*split\.test_days = 'x'.*surprise = 1"):
        checked(Params, content, "params.yaml")


@pytest.mark.parametrize("text", ["1e-3", "1.0e-3", "0.001", "1E-3"])
def test_a_number_may_be_written_in_any_way_that_dvc_reads(tmp_path, text):
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    changed = params.replace("max_rejected_share: 0.01", f"max_rejected_share: {text}")
    assert load_text(tmp_path, changed).validate_.max_rejected_share == 0.001


@quick
@given(st.dates())
def test_date_is_the_same_as_date_and_as_text(day):
    as_date, as_text = params_with("validate.as_of", day), params_with("validate.as_of", day.isoformat())
    assert as_date.validate_.as_of == as_text.validate_.as_of == day


@pytest.mark.parametrize(
    "value", ["8.8.2018", "2018-02-30", "2018-08-08 10:00", 20180808, datetime.datetime(2018, 8, 8, 1)]
)
def test_what_is_no_date_is_refused(value):
    assert f"split.test_start = {value!r}: " in refusal("split.test_start", value)
    assert "date" in refusal("split.test_start", value)


def test_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(PipelineError, match=r"params\.yaml: no such file; run the stages from the repository's root"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("split: [1", "not valid YAML.*line 1"),
        ("split: {test_start: 2018-02-30}", "day"),  # the YAML reader itself stumbles over it
        (b"problem: \xff", "(?i)utf-?8"),
    ],
)
def test_file_that_cannot_be_read_is_refused_in_words(tmp_path, text, said):
    with pytest.raises(PipelineError, match=r"params\.yaml: ") as refused:
        load_text(tmp_path, text)
    assert re.search(said, str(refused.value), re.DOTALL)


@pytest.mark.parametrize("text", ["", "# only a comment", "- problem", "problem"])
def test_file_without_blocks_is_refused_in_the_words_of_yaml_not_of_python(tmp_path, text):
    with pytest.raises(PipelineError, match=r"params\.yaml") as refused:
        load_text(tmp_path, text)
    assert "instance of Params" not in str(refused.value)


class VolumeParams(Section):
    least: Count


def with_block(tmp_path, block):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(CONTENT | block))
    return tmp_path / "params.yaml"


def test_a_block_that_a_script_declares_is_read_by_it_and_passed_over_by_the_rest(tmp_path):
    path = with_block(tmp_path, {"volume": {"least": 3}})
    with pytest.raises(PipelineError, match=r"volume = .*: unknown key; known here: problem, ingest"):
        load_params(path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/volume.py").touch()
    assert load_params(path).problem == CONTENT["problem"]
    assert load_block("volume", VolumeParams, path).least == 3


def test_a_block_that_a_script_declares_is_checked_like_any_other(tmp_path):
    with pytest.raises(PipelineError, match="the block volume is missing; its keys: least"):
        load_block("volume", VolumeParams, with_block(tmp_path, {}))
    with pytest.raises(PipelineError, match=r"params.yaml, block volume:\n  least = 0: .*greater than or equal to 1"):
        load_block("volume", VolumeParams, with_block(tmp_path, {"volume": {"least": 0}}))
