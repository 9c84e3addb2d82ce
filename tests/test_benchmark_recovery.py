"""What is lost comes back as it was, in small, and what differs is told."""

import pytest

from benchmarks import recovery
from lifecycle.core.errors import PipelineError


@pytest.mark.nightly
def test_each_thing_that_is_lost_comes_back():
    found = recovery.recoveries(1_000)
    assert [one.lost for one in found] == [
        "online store", "online store", "serving/", "tags of the registry", "models/bundle, DVC's cache", "audit log",
    ]  # fmt: skip


@pytest.mark.nightly
def test_what_comes_back_otherwise_is_refused():
    with pytest.raises(PipelineError, match="the bundle: not the same"):
        recovery.same({"model.onnx": b"1"}, {"model.onnx": b"2"}, "the bundle")
