from lifecycle.bundle import provenance
from lifecycle.bundle.provenance import blocks
from tests.helpers_bundle import ORIGIN
from tests.helpers_model import params


def test_a_statement_has_what_in_toto_and_slsa_ask_for():
    origin = ORIGIN._replace(code={"src/make.py": "1" * 32}, lock={"requirements.lock": "2" * 32})._asdict()
    found = provenance.statement(origin, {"model.onnx": {"sha256": "3" * 64, "size": 9}})
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["subject"] == [{"name": "model.onnx", "digest": {"sha256": "3" * 64}}]
    assert found["predicateType"] == "https://slsa.dev/provenance/v1"
    definition, details = found["predicate"]["buildDefinition"], found["predicate"]["runDetails"]
    assert definition["buildType"].startswith("https://")
    assert details["builder"]["id"].startswith("https://")
    assert definition["externalParameters"]["params"] == origin["params"]
    assert definition["resolvedDependencies"] == [
        {"name": "data", "digest": {"md5": "0" * 32}},
        {"name": "src/make.py", "digest": {"md5": "1" * 32}},
        {"name": "requirements.lock", "digest": {"md5": "2" * 32}},
    ]


def test_it_holds_no_time():
    text = str(provenance.statement(ORIGIN._asdict(), {}))
    assert not [word for word in ("startedOn", "finishedOn", "invocationId") if word in text]


def test_params_are_those_of_the_stages_without_the_places_of_one_machine():
    found = blocks(params(ingest__path="/home/someone/records.csv"), ["ingest", "validate"])
    assert list(found) == ["ingest", "validate"]
    assert found["ingest"]["path"] == "records.csv"
    assert found["ingest"]["generate"]["seed"] == 0
    assert blocks(params(ingest__path="data/source"), ["ingest"])["ingest"]["path"] == "data/source"


def test_an_address_loses_its_query_and_its_user():
    url = "https://me:5ecret@example.org/records.csv?sig=5ecret"
    found = blocks(params(ingest__url=url), ["ingest"])
    assert found["ingest"]["url"] == "https://...@example.org/records.csv?..."
    assert blocks(params(ingest__url="$RECORDS_URL"), ["ingest"])["ingest"]["url"] == "$RECORDS_URL"
