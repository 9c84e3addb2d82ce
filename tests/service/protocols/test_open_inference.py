import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult

from lifecycle.core.value_limits import FLOAT32
from service.refusal import Refusal
from tests.service.helpers_protocols import FEATURES, VECTOR, Model, answer, ask, numbers, refusal, request, route

PATH = "/v2/models/{name}/infer"
TEXTS = Model(("number", "shop", "gaps"), texts=("shop",), missing=("gaps",))
tables = st.lists(st.lists(st.floats(-FLOAT32, FLOAT32), min_size=3, max_size=3), min_size=1, max_size=6).map(np.array)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def body(tensors, **more):
    """Return a request as tritonclient makes it."""
    content, length = InferenceServerClient.generate_request_body(tensors, **more)
    headers = {} if length is None else {"inference_header_content_length": str(length)}
    return request(body=content, **headers)


def tensor(name, array, kind="FP64", binary=True):
    return InferInput(name, list(array.shape), kind).set_data_from_numpy(array, binary_data=binary)


def plain(name="features", shape=(1, 3), datatype="FP64", data=VECTOR, **more):
    return {"name": name, "shape": list(shape), "datatype": datatype, "data": data, **more}


@given(tables, st.booleans(), st.sampled_from([(-1,), (-1, 1)]))
def test_both_layouts_decode_to_the_same_floats_in_json_and_in_binary(rows, binary, shape):
    assert numbers(PATH, body([tensor("features", rows, binary=binary)])) == rows.tolist()
    each = [tensor(name, rows[:, i].reshape(shape), binary=binary) for i, name in enumerate(FEATURES)]
    assert numbers(PATH, body(each[::-1])) == rows.tolist()


@given(
    st.lists(st.lists(st.floats(width=16, allow_nan=False, allow_infinity=False), min_size=3, max_size=3), min_size=1)
)
def test_narrow_floats_widen(rows):
    for kind in ("f2", "f4"):
        array = np.array(rows, kind)
        assert numbers(PATH, body([tensor("features", array, {"f2": "FP16", "f4": "FP32"}[kind])])) == rows


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("kind", ["INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"])
def test_whole_numbers_widen_up_to_their_ends(kind, binary):
    array = np.array([[np.iinfo(kind.lower()).min, 0, np.iinfo(kind.lower()).max]], kind.lower())
    assert numbers(PATH, body([tensor("features", array, kind, binary)])) == array.astype(float).tolist()


@pytest.mark.parametrize("binary", [False, True])
def test_texts_are_bytes(binary):
    words = np.array(["bakery", "", "Zoë's"], object)
    columns = [tensor("shop", words, "BYTES", binary)]
    columns += [tensor(name, np.array([1.0, 2.0, 3.0]), binary=binary) for name in ("gaps", "number")]
    batch = route(PATH).decode(TEXTS, body(columns)).batch
    assert batch.texts.tolist() == [["bakery"], [""], ["Zoë's"]]
    assert batch.numbers.tolist() == [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]


def test_null_and_nan_are_missing_where_that_may_be():
    named = {"number": [1.0, 2.0], "gaps": [None, 3.0]}
    tensors = [plain(name, [2], data=data) for name, data in named.items()]
    tensors.append(plain("shop", [2], "BYTES", ["a", "b"]))
    gaps = route(PATH).decode(TEXTS, request({"inputs": tensors})).batch.numbers[:, 1]
    assert np.array_equal(gaps, [np.nan, 3.0], equal_nan=True)
    found = refusal(PATH, body([tensor("features", np.array([[1.0, np.nan, 2.0]]))]))
    assert (found.kind, found.field) == ("missing_value", "ratio")


def test_nested_data_is_flat_data():
    assert numbers(PATH, request({"inputs": [plain(shape=[2, 3], data=[VECTOR, VECTOR])]})) == [VECTOR] * 2
    columns = [plain(name, [2, 1], data=[[value], [value]]) for name, value in zip(FEATURES, VECTOR, strict=True)]
    assert numbers(PATH, request({"inputs": columns})) == [VECTOR] * 2


@pytest.mark.parametrize("binary", [None, False, True])
@pytest.mark.parametrize("names", [None, ["score"], ["score", "prediction"]])
def test_outputs_are_those_that_were_asked_for(names, binary):
    wanted = names and [InferRequestedOutput(name, binary_data=bool(binary)) for name in names]
    asked = body([tensor("features", np.array([VECTOR, [-9.0, 0, 0]]))], outputs=wanted, request_id="mine")
    reply = ask(PATH, asked)
    length = dict(reply.headers).get(b"inference-header-content-length")
    found = InferResult.from_response_body(reply.body, header_length=length and int(length))
    assert (length is not None) == (names is None or binary is True)  # tritonclient asks for binary by itself
    assert found.get_response()["id"] == "mine"
    assert [each["name"] for each in found.get_response()["outputs"]] == (
        names or ["prediction", "probability", "score"]
    )
    scores = Model().score(route(PATH).decode(Model(), asked).batch)
    assert found.as_numpy("score").tolist() == scores.score.tolist()
    if names != ["score"]:
        assert found.as_numpy("prediction").dtype == np.int64
        assert found.as_numpy("prediction").tolist() == [1, 0]


def test_one_output_may_be_binary_and_another_not():
    wanted = [{"name": "score"}, {"name": "probability", "parameters": {"binary_data": False}}]
    asked = request({"inputs": [plain()], "outputs": wanted, "parameters": {"binary_data_output": True}})
    reply = ask(PATH, asked)
    length = int(dict(reply.headers)[b"inference-header-content-length"])
    score, probability = json.loads(reply.body[:length])["outputs"]
    assert score["parameters"] == {"binary_data_size": 8}
    assert struct.unpack("<d", reply.body[length:]) == (2 * probability["data"][0],)


def test_an_answer_has_an_id_even_if_the_request_had_none():
    assert json.loads(ask(PATH, request({"inputs": [plain()]})).body)["id"] == "id-1"


def test_the_model_may_be_named_again():
    named = {"model_name": "fraud", "model_version": "0123456789ab", "inputs": [plain()]}
    assert numbers(PATH, request(named)) == [VECTOR]
    assert refusal(PATH, request(named | {"model_name": "other"})).status == 404
    assert refusal(PATH, request(named | {"model_version": "1"})).status == 404


def test_mlservers_hints_are_no_mistake():
    hint = {"content_type": "np"}
    asked = {"inputs": [plain(parameters=hint)], "parameters": {"content_type": "pd"}}
    assert numbers(PATH, request(asked)) == [VECTOR]


@pytest.mark.parametrize(
    ("flaw", "kind"),
    [
        ({"name": "input-0"}, "unknown_name"),
        ({"name": "amount", "shape": [3]}, "missing_name"),
        ({"shape": [3]}, "wrong_width"),
        ({"shape": [3, 1]}, "wrong_width"),
        ({"shape": [1, 4]}, "wrong_width"),
        ({"shape": [2, 3]}, "wrong_width"),
        ({"shape": [0, 3], "data": []}, "no_rows"),
        ({"shape": []}, "wrong_type"),
        ({"shape": [1, 3, 1]}, "wrong_type"),
        ({"shape": [-1, 3]}, "wrong_type"),
        ({"shape": [True, 3]}, "wrong_type"),
        ({"datatype": "BYTES"}, "wrong_type"),
        ({"datatype": "BOOL"}, "wrong_type"),
        ({"datatype": "BF16"}, "wrong_type"),
        ({"datatype": "fp64"}, "wrong_type"),
        ({"datatype": "INT64"}, "wrong_type"),
        ({"datatype": "INT8", "data": [1, 2, 128]}, "out_of_range"),
        ({"datatype": "UINT8", "data": [1, 2, -1]}, "out_of_range"),
        ({"datatype": "UINT64", "data": [1, 2, 2**64]}, "out_of_range"),
        ({"datatype": "INT64", "data": [1, 2, None]}, "wrong_type"),
        ({"data": [1.0, 2.0]}, "wrong_width"),
        ({"data": [[1.0, 2.0], [3.0]]}, "wrong_width"),
        ({"data": [[1.0], [2.0], [3.0]]}, "wrong_width"),
        ({"data": [1.0, "2", 3.0]}, "wrong_type"),
        ({"data": [1.0, True, 3.0]}, "wrong_type"),
        ({"data": [1.0, None, 3.0]}, "missing_value"),
        ({"data": [1.0, 1e39, 3.0]}, "out_of_range"),
        ({"data": [1.0, 10**400, 3.0]}, "out_of_range"),
        ({"data": 3}, "wrong_type"),
        ({"parameters": {"shared_memory_region": "x"}}, "wrong_type"),
        ({"parameters": {"binary_data_size": 24}}, "missing_name"),
        ({"more": 1}, "wrong_type"),
    ],
)
def test_a_flawed_tensor_is_refused(flaw, kind):
    found = refusal(PATH, request({"inputs": [plain() | flaw]}))
    assert (found.status, found.kind) == (422, kind)


@pytest.mark.parametrize(
    ("flaw", "kind"),
    [
        ({"inputs": []}, "wrong_type"),
        ({"inputs": [plain(), plain()]}, "unknown_name"),
        ({"inputs": [plain(FEATURES[0], [1], data=[1])] * 2}, "missing_name"),
        ({"outputs": [{"name": "scores"}]}, "unknown_name"),
        ({"outputs": [{"name": "score"}] * 2}, "unknown_name"),
        ({"outputs": [{"name": "score", "parameters": {"classification": 2}}]}, "wrong_type"),
        ({"id": 3}, "wrong_type"),
        ({"parameters": {"sequence_id": 3}}, "wrong_type"),
        ({"parameters": {"priority": -1}}, "wrong_type"),
        ({"raw_input_contents": []}, "wrong_type"),
    ],
)
def test_a_flawed_request_is_refused(flaw, kind):
    found = refusal(PATH, request({"inputs": [plain()]} | flaw))
    assert (found.status, found.kind) == (422, kind)


def test_names_twice_and_rows_of_two_lengths_are_refused():
    each = [plain(name, [1], data=[1.0]) for name in FEATURES]
    assert refusal(PATH, request({"inputs": [*each, each[0]]})).kind == "duplicate_name"
    assert refusal(PATH, request({"inputs": [*each[:2], plain("age", [2], data=[1.0, 2.0])]})).kind == "wrong_width"
    assert refusal(PATH, request({"inputs": [plain(shape=[101, 3], data=[])]})).status == 413
    assert refusal(PATH, request({"inputs": [plain(shape=[2**53, 3], data=[])]})).status == 413


@pytest.mark.parametrize("change", [-1, 1, 8])
def test_binary_sizes_must_add_up(change):
    asked = body([tensor("features", np.array([VECTOR]))])
    whole = asked.body + b"\0" * change if change > 0 else asked.body[:change]
    assert refusal(PATH, asked._replace(body=whole)).kind == "wrong_length"


@pytest.mark.parametrize("length", ["-1", "x", "", "99999", "1e2", "9" * 5000])
def test_a_length_that_is_none_is_refused(length):
    asked = request(body=body([tensor("features", np.array([VECTOR]))]).body, inference_header_content_length=length)
    assert (refusal(PATH, asked).status, refusal(PATH, asked).kind) == (400, "wrong_length")


@pytest.mark.parametrize(
    "blob", [b"", b"\1", b"\1\0\0\0", b"\2\0\0\0a", b"\1\0\0\0\xff", b"\xff\xff\xff\xffa", b"\0" * 8]
)
def test_broken_texts_are_refused(blob):
    head = {"name": "shop", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(blob)}}
    others = [plain(name, [1], data=[1.0]) for name in ("number", "gaps")]
    text = json.dumps({"inputs": [head, *others]}).encode()
    asked = request(body=text + blob, inference_header_content_length=str(len(text)))
    assert refusal(PATH, asked, TEXTS).status == 422


@given(st.dictionaries(st.sampled_from(["inputs", "outputs", "id", "parameters", "x"]), json_values) | json_values)
def test_any_json_is_taken_or_refused(content):
    with pytest.raises(Refusal):
        route(PATH).decode(Model(), request(content))


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("name", "shape", "datatype", "data", "parameters"), json_values))
)
def test_any_change_of_a_tensor_is_taken_or_refused(change):
    model = Model()
    try:
        inputs = route(PATH).decode(model, request({"inputs": [plain() | change]}))
    except Refusal as refused:
        assert refused.status in {400, 413, 422}
    else:
        assert route(PATH).encode(model, inputs, answer(model, inputs)).status == 200


@given(st.binary(max_size=60), st.integers(0, 60), st.sampled_from(["FP64", "INT8", "FP16", "BYTES"]))
def test_any_bytes_behind_the_head_are_taken_or_refused(blob, size, kind):
    shop = {"name": "shop", "shape": [1], "datatype": kind, "parameters": {"binary_data_size": size}}
    text = json.dumps({"inputs": [shop, *(plain(name, [1], data=[1.0]) for name in ("number", "gaps"))]}).encode()
    asked = request(body=text + blob, inference_header_content_length=str(len(text)))
    for model in (TEXTS, Model(("number", "shop", "gaps"))):
        try:
            route(PATH).decode(model, asked)
        except Refusal as refused:
            assert refused.status in {400, 422}
        else:
            assert len(blob) == size


def test_metadata_names_what_is_taken_and_given():
    content = json.loads(ask("/v2/models/{name}", request(), TEXTS, method="GET").body)
    assert content["inputs"] == [
        {"name": "number", "datatype": "FP64", "shape": [-1]},
        {"name": "shop", "datatype": "BYTES", "shape": [-1]},
        {"name": "gaps", "datatype": "FP64", "shape": [-1]},
    ]
    assert [each["name"] for each in content["outputs"]] == ["prediction", "probability", "score"]
    assert content["versions"] == ["0123456789ab"]
    assert "binary_tensor_data" in json.loads(ask("/v2", request(), method="GET").body)["extensions"]


def test_a_model_with_texts_has_no_matrix():
    found = refusal(PATH, request({"inputs": [plain()]}), TEXTS)
    assert found.kind == "unknown_name"
    assert "one tensor" not in str(found)
    assert "one tensor 'features' of shape [n, 3]" in str(refusal(PATH, request({"inputs": [plain("x")]})))


def test_readiness_is_a_status():
    assert ask("/v2/models/{name}/ready", request(), method="GET").status == 200
    assert ask("/v2/models/{name}/ready", request(), method="GET", ready=False).status == 503


@pytest.mark.parametrize(
    "more",
    [
        {"id": None},
        {"parameters": {"binary_data_output": None, "content_type": None}},
        {"parameters": {"priority": 1, "timeout": 5_000}},
    ],
)
def test_what_changes_no_score_may_be_said_or_be_null(more):
    plainly, said = (json.loads(ask(PATH, request({"inputs": [plain()], **extra})).body) for extra in ({}, more))
    assert plainly == said
