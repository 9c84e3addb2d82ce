"""What the tests of the benchmark scripts share: their problem, and a small simulated table."""

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import protocol
from lifecycle.core.params import Params, load_params
from lifecycle.problem.loading import load_problem

PROBLEM = load_problem("transactions")
PARAMS = Path(__file__).parent.parent / "params.yaml"


@cache
def simulated(customers: int, terminals: int, days: int) -> pd.DataFrame:
    """Return the table of `benchmarks.protocol.simulated` in another size. Copy it to change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "SIZE", (customers, terminals, days, 0))
        return protocol.simulated(PROBLEM)


def reaching() -> pd.DataFrame:
    """Return a table that reaches over the last test week of the prequential protocol."""
    return simulated(200, 500, 160).copy()


def two_trees() -> Params:
    """Return the committed params with a model of two trees."""
    params = load_params(PARAMS)
    train = type(params.train)(**params.train.model_dump() | {"n_estimators": 2})
    return params.model_copy(update={"train": train})
