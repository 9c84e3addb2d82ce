"""What checks say together."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from lifecycle.release.evidence.gate_result import WORST_FIRST, Check, gate_result


@given(st.lists(st.sampled_from(WORST_FIRST), min_size=1))
def test_the_worst_check_decides_and_gives_the_reasons(states):
    found = gate_result([Check(f"{place}", place, 1.0, state, f"{state}.") for place, state in enumerate(states)])
    assert found.state == min(states, key=WORST_FIRST.index)
    assert set(found.reasons) == {f"{found.state}."}
    assert len(found.checks) == len(states)


def test_no_check_is_no_health():
    assert gate_result([]).state == "unknown"


def test_a_record_of_it_is_json_also_where_a_figure_is_no_number():
    found = gate_result([Check("one", math.nan, -math.inf, "unknown", "?"), Check("two", None, 1.5, "passes", "!")])
    content = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert content["state"] == "unknown"
    assert [(check["figure"], check["limit"]) for check in content["checks"]] == [(None, None), (None, 1.5)]
