import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.features.aggregates import AGGREGATES
from lifecycle.features.batch import evaluate
from lifecycle.problem.record_words import Difference, Hour, Night, Ratio, Raw, Weekend
from lifecycle.problem.window_words import Where, Window
from tests.helpers_features import DECIMALS, by_definition, frame_of, tables, windows_of
from tests.helpers_model import quick

CHAIN = (
    Raw("amount"),
    Raw("kind"),
    Weekend(),
    Night(),
    Hour(),
    Window("n", "count", by="card", days=(0.25, 1)),
    Ratio("share", "n_0.25d", "n_1d"),
    Window("seldom", "count", by="holder", days=(1,), where=(Where("share", "<=", 0.5),), current=False),
    Window("spent", "sum", of="amount", by="terminal", days=(1,), delay_days=0.25),
    Difference("over", "spent_1d", "amount"),
)
DERIVED = ("share", "seldom_1d", "is_night", "over")
OF = {"none": st.none(), "flag": st.just("fraud"), "exact": st.just("amount")}
ASKED = ((Where("share", "!=", 0.5),), (Where("over", "<=", 0), Where("is_night", "==", 1)))


@pytest.mark.parametrize("aggregate", AGGREGATES)
@given(table=tables, data=st.data())
@settings(parent=quick, max_examples=25)
def test_windows_may_stand_on_windows_and_on_what_is_made_of_them(aggregate, table, data):
    of = OF.get(AGGREGATES[aggregate].needs, st.sampled_from(DERIVED))
    deep = data.draw(windows_of(aggregate, of=of, where=st.sampled_from(ASKED)))
    features = (*CHAIN, deep, Window("top", "count", "terminal", where=(Where(deep.names[0], ">=", 1),)))
    found, defined = evaluate(features, frame_of(table), "time", DECIMALS), by_definition(features, table)
    assert list(found) == list(defined)
    for name, values in defined.items():
        if name in deep.names and aggregate in ("mean", "std"):
            np.testing.assert_allclose(found[name], values, rtol=1e-15, atol=0, err_msg=f"{name}: {deep}")
        elif name != "hour":  # see test_record.py
            np.testing.assert_array_equal(found[name].to_numpy(), values, err_msg=f"{name}: {deep}")
