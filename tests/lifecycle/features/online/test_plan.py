import subprocess
import sys

import pytest

from lifecycle.features.online.plan import Plan
from lifecycle.problem.record_words import Difference, Hour, Ratio, Raw
from lifecycle.problem.window_words import Where, Window
from problems.transactions import PROBLEM
from tests.graph import ROOT
from tests.helpers_payments import EVERYTHING

MEAN = Window("mean", "mean", by="card", of="amount", days=(30,))
RATIO = Ratio("ratio", "amount", "mean_30d")
LARGE = Window("large", "count", by="shop", where=(Where("ratio", ">=", 3),), days=(7, 14))
LIST = (Raw("weather"), Hour(), MEAN, RATIO, LARGE, Difference("more", "large_14d", "large_7d"))


def plan_of(*features, decimals=2):
    return Plan(features, {"amount": decimals})


def test_a_record_keeps_what_windows_read_of_it_and_what_that_is_made_of():
    plan = plan_of(*LIST)
    assert plan.inputs == ["amount", "card", "shop", "weather"]
    assert plan.columns == ["amount", "card", "shop"]
    assert plan.derived == ["ratio"]
    assert plan.names == ["weather", "hour", "mean_30d", "ratio", "large_7d", "large_14d", "more"]


def test_windows_of_one_entity_condition_and_depth_share_a_track():
    plan = plan_of(MEAN, Window("n", "count", by="card"), Window("m", "count", by="card", where=(Where("x", "==", 1),)))
    assert [len(plans) for plans in plan.tracks.values()] == [2]
    assert plan.reach_us("card") == 30 * 86_400_000_000


def test_what_reads_a_window_of_other_records_comes_a_layer_later():
    plan = plan_of(*LIST)
    words = [[word.name for word in layer.words] for layer in plan.layers]
    assert words == [["hour"], ["ratio"], ["more"]]
    assert [layer.derived for layer in plan.layers] == [[], ["ratio"], []]
    assert [[word.name for word in layer.words] for layer in plan.derived_layers] == [[], ["ratio"], []]


def test_a_list_without_windows_keeps_nothing():
    plan = plan_of(Raw("amount"), Hour())
    assert (plan.columns, plan.derived, plan.tracks) == ([], [], {})


@pytest.mark.parametrize(
    "other",
    [
        plan_of(*LIST, decimals=3),
        plan_of(*LIST[:2], Window("mean", "mean", by="card", of="amount", days=(31,)), *LIST[3:]),
        plan_of(*LIST[:3], Ratio("ratio", "amount", "mean_30d", empty=1.0), *LIST[4:]),
        plan_of(*LIST[:-2]),
    ],
    ids=["decimals", "days", "what_a_window_reads", "a_window_less"],
)
def test_lists_whose_states_differ_have_another_digest(other):
    assert other.digest != plan_of(*LIST).digest


def test_what_leaves_the_state_alone_leaves_the_digest_alone():
    assert plan_of(*LIST[1:-1], Raw("colour")).digest == plan_of(*LIST).digest


def test_the_digest_is_the_same_in_every_process():
    code = (
        "from lifecycle.features.online.plan import Plan; from problems.transactions import PROBLEM;"
        "from tests.helpers_payments import EVERYTHING; print(Plan(EVERYTHING, PROBLEM.decimals).digest)"
    )
    path = f"{ROOT / 'src'}:{ROOT}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == Plan(EVERYTHING, PROBLEM.decimals).digest


def test_a_service_needs_none_of_the_libraries_that_stages_need():
    code = (
        "import sys, lifecycle.features.online.state, lifecycle.features.online.snapshot;"
        "print([name for name in ('pandas', 'pyarrow', 'pydantic', 'yaml', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
