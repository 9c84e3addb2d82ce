import pytest

from lifecycle.problem.purpose import NOT_DECLARED, Purpose

SAID = {"task": "Rank.", "users": (), "uses": (), "forbidden": (), "ethics": (), "caveats": ()}


@pytest.mark.parametrize("name", [name for name in SAID if name != "task"])
def test_a_text_where_a_list_belongs_is_refused(name):
    with pytest.raises(TypeError, match=rf"purpose: {name} must be a tuple of sentences"):
        Purpose(**{**SAID, name: ("Without a comma.")})


def test_what_holds_for_every_model_forbids_something():
    assert NOT_DECLARED.forbidden
    assert Purpose(**SAID) != NOT_DECLARED
