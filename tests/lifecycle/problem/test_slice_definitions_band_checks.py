import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.problem.problem import Column
from lifecycle.problem.record_words import Hour
from lifecycle.problem.slice_definitions import Band
from tests.helpers_data import small_problem

COLUMNS = (Column("kind", "text", ""), Column("seen", "timestamp", ""), Column("how", "integer", "", late=True))


def refusal(role="slices", *bands):
    with pytest.raises(PipelineError) as refused:
        small_problem(*COLUMNS, features=(Hour("hour"),), **{role: bands})
    return str(refused.value)


@pytest.mark.parametrize(
    ("band", "said"),
    [
        (Band("b", "nowhere"), "'nowhere' is neither a column of the contract nor a feature"),
        (Band("b", "hour", edges=(6, 6)), "edges = (6, 6) must ascend"),
        (Band("b", "hour", edges=(12, 6)), "must ascend"),
        (Band("b", "hour", edges=("6",)), "must be a tuple of numbers"),
        (Band("b", "hour", edges=[6]), "must be a tuple of numbers"),
        (Band("b", "hour", edges=(float("nan"),)), "must be a tuple of numbers"),
        (Band("b", "hour", edges=(6,), quantiles=3), "give edges or quantiles, not both"),
        (Band("b", "hour", quantiles=1), "quantiles = 1 must be a whole number from 2"),
        (Band("b", "hour", edges=(6,), labels=("night",)), "labels: 1 are given, 2 groups are made"),
        (Band("b", "kind", labels=("a",)), "values name themselves: leave labels out"),
        (Band("b", "hour", edges=(6,), labels=("a", "a")), "must differ"),
        (Band("b", "hour", edges=(6,), labels=("a", "missing")), "none may be 'missing'"),
        (Band("b", "kind", edges=(6,)), "'kind' is text: its values are the groups"),
        (Band("b", "seen", edges=(6,)), "'seen' is a timestamp: take a calendar feature"),
    ],
)
def test_a_cut_that_can_not_be_is_refused_by_its_name(band, said):
    message = refusal("slices", band)
    assert message.startswith("slices: band 'b': ")
    assert said in message


def test_two_bands_of_one_name_are_refused():
    assert "band 'b': declared twice" in refusal("groups", Band("b", "hour", quantiles=2), Band("b", "kind"))


def test_nobody_belongs_to_a_group_that_is_known_only_after_the_fact():
    assert "'how' is known only after the fact" in refusal("groups", Band("b", "how"))
    assert small_problem(*COLUMNS, slices=(Band("b", "how"),)).banded == ["how"]


def test_a_plain_column_name_is_told_what_a_band_looks_like():
    assert refusal("slices", "kind") == "slices must be a tuple of bands, like (Band('hour', 'hour', edges=(6, 12)),)"


def test_a_hidden_feature_and_a_sensitive_column_make_groups():
    problem = small_problem(
        *COLUMNS,
        features=(Hour("hour"), Hour("night")),
        hidden=("night",),
        sensitive=("kind",),
        groups=(Band("n", "night", edges=(6,)), Band("k", "kind")),
    )
    assert problem.banded == ["night", "kind"]
