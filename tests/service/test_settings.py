from dataclasses import fields
from pathlib import Path

import pytest

from lifecycle.core.errors import PipelineError
from service.settings import Settings, load_settings, table


def test_nothing_set_gives_the_defaults() -> None:
    assert load_settings({"HOME": "/root", "AIP_MODE": "PREDICTION"}) == Settings()
    assert Settings().host == "127.0.0.1"  # nobody else's machine can ask unless told otherwise


def test_values_have_the_type_of_their_default() -> None:
    given = {"SERVE_BUNDLE": "/models/x", "SERVE_PORT": "0", "SERVE_MAX_WAIT_MS": "2.5", "SERVE_LOG_VALUES": "true"}
    settings = load_settings(given)
    assert settings.bundle == Path("/models/x")
    assert (settings.port, settings.max_wait_ms, settings.log_values) == (0, 2.5, True)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SERVE_PROT", "80", "SERVE_PROT: no such setting; there are SERVE_BUNDLE,"),
        ("SERVE_PORT", "http", "SERVE_PORT=http: expected a whole number"),
        ("SERVE_PORT", "70000", "SERVE_PORT=70000: expected 0 to 65535"),
        ("SERVE_WORKERS", "0", "expected 1 to 256"),
        ("SERVE_MAX_WAIT_MS", "nan", "expected at least 0.1"),
        ("SERVE_MAX_AHEAD", "inf", "SERVE_MAX_AHEAD=inf: expected a finite number"),
        ("SERVE_MODEL_NAME", "a/b", "SERVE_MODEL_NAME=a/b: expected letters, digits and ._-"),
        ("SERVE_LOG_VALUES", "yes", "SERVE_LOG_VALUES=yes: expected 0 or 1"),
        ("SERVE_HEALTH_ROUTE", "health", "expected a path that begins with /"),
        ("SERVE_PREDICT_ROUTE", "/x?y", "expected a path that begins with /"),
        ("SERVE_PREDICT_ROUTE", "/{x}/{x}", "expected a path that begins with /"),
        ("SERVE_STORE", "", "SERVE_STORE is empty; unset it for none; history of raw transactions"),
        ("SERVE_TLS_CERT", "cert.pem", "SERVE_TLS_CERT and SERVE_TLS_KEY: give both"),
    ],
)
def test_what_can_not_be_right_is_refused_in_words(name: str, value: str, words: str) -> None:
    with pytest.raises(PipelineError) as error:
        load_settings({name: value})
    assert words in str(error.value)


def test_the_folder_of_a_route_is_no_path_of_the_service() -> None:
    assert load_settings({"SERVE_ROUTE": "serving"}).route == "serving"


def test_vertex_and_sagemaker_say_it_in_their_own_names() -> None:
    vertex = {"AIP_HTTP_PORT": "8081", "AIP_HEALTH_ROUTE": "/v1/e/1", "AIP_PREDICT_ROUTE": "/v1/e/1:predict"}
    settings = load_settings(vertex)
    assert (settings.port, settings.health_route, settings.predict_route) == (8081, "/v1/e/1", "/v1/e/1:predict")
    assert load_settings({"SAGEMAKER_BIND_TO_PORT": "9000"}).port == 9000


def test_our_own_name_goes_before_a_platform_s() -> None:
    assert load_settings({"AIP_HTTP_PORT": "8081", "SERVE_PORT": "9"}).port == 9
    assert load_settings({"AIP_STORAGE_URI": "gs://bucket/x", "SERVE_BUNDLE": "/b"}).bundle == Path("/b")


def test_a_bucket_that_is_not_mounted_is_refused_with_advice() -> None:
    assert load_settings({"AIP_STORAGE_URI": "/models/x"}).bundle == Path("/models/x")
    with pytest.raises(PipelineError, match=r"mount the bucket under /gcs, or .* set SERVE_BUNDLE"):
        load_settings({"AIP_STORAGE_URI": "gs://bucket/x"})


def test_the_table_has_every_knob() -> None:
    lines = table().splitlines()
    assert [line.split()[0] for line in lines] == [f"SERVE_{field.name.upper()}" for field in fields(Settings)]
    assert "SERVE_LOG_VALUES       0 " in table()
