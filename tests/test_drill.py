"""The drill, at reduced size: each step has come to its end, and what it says of itself is true."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import write_table
from lifecycle.problem.loading import load_problem
from lifecycle.release.drill.drill_world import LIVE_DAYS, drill_world
from problems.generators.card_simulator import simulate
from tests.conftest import REDUCED, copy_repository, run, set_params
from tests.docs import blocks
from tests.graph import ROOT

DAYS = 130
SIZES = ("n_estimators", "bootstrap_samples", "rows", "more_seeds", "ageing_windows", "threshold_rows")
STEP = re.compile(r"^ *[\d.]+ s +[\d.]+ s  (?P<step>.+?)(?:  \d\d \w+ \d{4})?$")


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    return simulate(customers=240, terminals=700, days=DAYS, n_jobs=1)


def steps_of(text: str) -> list[str]:
    return [found["step"] for found in map(STEP.match, text.splitlines()) if found]


@pytest.mark.slow
def test_a_model_lives_through_drift_release_and_rollback(records: pd.DataFrame, tmp_path: Path) -> None:
    folder = copy_repository(tmp_path / "project")
    set_params(folder, **{name: REDUCED[name] for name in SIZES}, leak_alarm="1.0")
    run("git commit -qam Reduced", folder)
    write_table(records, folder / "data/raw/records.parquet")
    said = run(f"python src/mlops.py drill --keep {tmp_path / 'kept'}", folder).stdout
    (transcript,) = (block.text for block in blocks(ROOT / "docs/operate.md") if "transcript" in block.marks)
    assert steps_of(said) == steps_of(transcript)
    assert re.search(r"(concept|performance): .*amount.*: retrain", said)
    assert "v0.2.0 is in prod, v0.1.0 is in prod-previous (promote)" in said
    assert "v0.3.0 is in prod-rejected (rollback)" in said
    assert "; 0 requests failed." in said
    page = (folder / "report/drill.html").read_text(encoding="utf-8")
    assert page.count("<li class=") == len(steps_of(said))
    assert run("git status --porcelain", folder).stdout == ""
    clone = tmp_path / "kept/clone"
    assert "v0.2.0" in run("gto show", clone).stdout
    route = json.loads((clone / "serving/route.json").read_text(encoding="utf-8"))
    assert (route["mode"], route["automatic"]) == ("single", 1)


def test_the_change_begins_on_its_day_and_only_makes_positives(records: pd.DataFrame) -> None:
    problem = load_problem("transactions")
    world = drill_world(records, problem)
    before, after = world.between(None, world.drift), world.between(world.drift, None)
    original = records.set_index("transaction_id")["is_fraud"]
    assert (before["is_fraud"].to_numpy() == original[before["transaction_id"]].to_numpy()).all()
    changed = after["is_fraud"].to_numpy() - original[after["transaction_id"]].to_numpy()
    assert set(changed) == {0, 1}
    most = float(re.search(r"at most ([\d.]+)", world.change)[1])  # type: ignore[index]
    assert after.loc[changed == 1, "amount"].max() <= most + 0.01


def test_a_drill_takes_whole_entities_and_not_too_many_records(records: pd.DataFrame) -> None:
    world = drill_world(
        pd.concat([records, records.assign(customer_id=records["customer_id"] + 1000)]), load_problem("transactions")
    )
    kept = world.records["customer_id"].value_counts()
    every = records["customer_id"].value_counts()
    assert (kept.to_numpy() == every[kept.index % 1000].to_numpy()).all()
    assert len(world.records) / DAYS < 600


@pytest.mark.parametrize(
    ("change", "words"),
    [(lambda table: table[table["tx_time"] < "2018-05-01"], f"needs records of {2 * LIVE_DAYS} days")],
)
def test_what_does_not_allow_a_drill_says_why(records: pd.DataFrame, change, words: str) -> None:
    with pytest.raises(PipelineError, match=words):
        drill_world(change(records), load_problem("transactions"))


def test_a_problem_without_time_or_with_other_targets_has_no_drill(records: pd.DataFrame) -> None:
    from dataclasses import replace

    numbers = replace(load_problem("transactions"), time=None, task="regression", target="amount")
    with pytest.raises(PipelineError, match="two classes"):
        drill_world(records, numbers)


def test_without_records_it_says_what_makes_them(clone: Path) -> None:
    done = run("python src/mlops.py drill", clone, fails=True)
    assert "dvc repro ingest" in done.stderr
