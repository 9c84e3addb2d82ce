import io
import sys

import joblib
import pytest

from lifecycle.core import dask_client
from lifecycle.core.errors import PipelineError
from lifecycle.models.families import build
from lifecycle.models.training import fit
from tests.helpers_model import learnable


@pytest.fixture(scope="module")
def scheduler():
    """Give the address of a cluster of two processes on this machine."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as started:
        yield started.scheduler_address


def dumped(model):
    features, target = learnable()
    size = {"n_estimators": 10} if "trees" in model or "forest" in model else {}
    joblib.dump(fit(build(model, "binary", 3, size, features), features, target), buffer := io.BytesIO())
    return buffer.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["extra_trees", "random_forest", "decision_tree"])
def test_a_model_that_a_cluster_fitted_has_the_same_bytes(model, scheduler, monkeypatch):
    here = dumped(model)
    monkeypatch.setenv(dask_client.ADDRESS, scheduler)
    assert dumped(model) == here


@pytest.mark.slow
def test_the_cluster_does_the_work(scheduler, monkeypatch):
    import distributed

    def steps(dask_scheduler):
        return dask_scheduler.transition_counter

    with distributed.Client(scheduler) as client:
        before = client.run_on_scheduler(steps)
        monkeypatch.setenv(dask_client.ADDRESS, scheduler)
        dumped("extra_trees")
        assert client.run_on_scheduler(steps) > before + 10  # trees


@pytest.mark.parametrize("address", [None, ""])
def test_without_an_address_dask_is_not_even_looked_for(address, monkeypatch):
    monkeypatch.delenv(dask_client.ADDRESS, raising=False)
    if address is not None:
        monkeypatch.setenv(dask_client.ADDRESS, address)
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert dumped("extra_trees")


def test_an_address_without_dask_names_the_extra(monkeypatch):
    monkeypatch.setenv(dask_client.ADDRESS, "tcp://127.0.0.1:8786")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(PipelineError, match=r"DASK_SCHEDULER_ADDRESS needs dask and distributed: .* `dist`"):
        dumped("extra_trees")


@pytest.mark.parametrize("address", ["nowhere", "foo://127.0.0.1:8786", "tcp://127.0.0.1:1", "tcp://127.0.0.1"])
def test_an_address_where_nobody_answers_is_told(address, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(dask_client, "TIMEOUT", 0.5)
    monkeypatch.setenv(dask_client.ADDRESS, address)
    with pytest.raises(PipelineError, match=f"DASK_SCHEDULER_ADDRESS = '{address}': no Dask scheduler answers there"):
        dumped("extra_trees")
