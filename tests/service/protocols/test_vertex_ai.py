import json

import pytest

from service.routes import endpoints
from service.settings import Settings
from tests.service.helpers_protocols import FEATURES, VECTOR, ask, numbers, refusal, request

PATH = "/vertex/predict"


def test_instances_are_vectors_or_objects():
    named = [dict(zip(FEATURES, VECTOR, strict=True))]
    for content in ({"instances": [VECTOR]}, {"instances": named}, {"instances": [VECTOR], "parameters": {}}):
        assert numbers(PATH, request(content)) == [VECTOR]
    assert list(json.loads(ask(PATH, request({"instances": [VECTOR]})).body)) == ["predictions"]


@pytest.mark.parametrize("content", [{"instances": [VECTOR], "parameters": {"k": 1}}, {"inputs": [VECTOR]}])
def test_other_content_is_refused(content):
    assert refusal(PATH, request(content)).kind == "unknown_name"


def test_the_path_may_be_that_of_the_tutorials_as_the_platform_s_own_tools_have_it():
    assert [each.path for _, each in endpoints(Settings(predict_route="/predict"))].count("/predict") == 1
    content = {"instances": [VECTOR], "parameters": {}}
    assert ask("/predict", request(content)).body == ask(PATH, request(content)).body
    assert refusal("/predict", request({"instances": [VECTOR], "reasons": 1})).kind == "unknown_name"
    assert refusal("/predict", request({"features": VECTOR, "parameters": {}})).kind == "unknown_name"


def test_the_platform_chooses_the_path():
    assert "/p" in {each.path for _, each in endpoints(Settings(predict_route="/p"))}
    assert PATH not in {each.path for _, each in endpoints(Settings(predict_route="/p"))}
