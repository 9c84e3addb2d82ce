from lifecycle.bundle.provenance import blocks
from tests.helpers_model import params


def test_params_are_those_of_the_stages_without_the_places_of_one_machine():
    found = blocks(params(ingest__path="/home/someone/records.csv"), ["ingest", "validate"])
    assert list(found) == ["ingest", "validate"]
    assert found["ingest"]["path"] == "records.csv"
    assert found["ingest"]["generate"]["seed"] == 0
    assert blocks(params(ingest__path="data/source"), ["ingest"])["ingest"]["path"] == "data/source"
