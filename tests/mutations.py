"""Plant the mistakes that matter in a copy, and see a test notice each: `python -m tests.mutations`."""

import multiprocessing
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import copy_repository

TIMEOUT = 300  # seconds for the tests of one mutation
FORKS = multiprocessing.get_context("forkserver")  # what all of them import is loaded once
FORKS.set_forkserver_preload(["pandas", "pyarrow.parquet", "pytest", "hypothesis", "sklearn.ensemble"])


class Mutation(NamedTuple):
    """A mistake: where, what stands there, what it becomes, and the tests that must notice."""

    name: str
    file: str
    right: str
    wrong: str
    tests: str


TIME, FEATURES = "tests/test_time.py", "tests/lifecycle/features"
WINDOWS, CHAINS = FEATURES + "/test_batch_windows.py", FEATURES + "/test_batch_chains.py"
SPLITS = "tests/lifecycle/splits/test_time_windows.py tests/test_split.py"
SOURCE = {
    "batch": "src/lifecycle/features/batch.py",
    "words": "src/lifecycle/problem/record_words.py",
    "window_words": "src/lifecycle/problem/window_words.py",
    **{
        name: f"src/lifecycle/features/aggregates/{name}.py"
        for name in ("block", "recency", "count_sum_mean", "values")
    },
    "splits": "src/lifecycle/splits/time_windows.py",
    "train": "src/train.py",
    "calibration": "src/lifecycle/evaluation/probability_calibration.py",
    "leakage": "src/lifecycle/splits/leakage.py",
    "ranking": "src/lifecycle/core/ranking.py",
    "atomic": "src/lifecycle/core/atomic.py",
    **{name: f"src/lifecycle/evaluation/{name}.py" for name in ("bootstrap", "comparison", "gates", "scored_window")},
    **{name: f"src/lifecycle/audit/{name}.py" for name in ("fairness", "stability")},
    "task": "src/lifecycle/evaluation/tasks/task.py",
    **{name: f"src/lifecycle/evaluation/{name}.py" for name in ("class_decision", "interval_decision")},
    **{name: f"src/lifecycle/evaluation/tasks/{name}.py" for name in ("multiclass_metrics", "regression_metrics")},
    "headline_metric": "src/lifecycle/core/headline_metric.py",
    "group_metrics": "src/lifecycle/audit/group_metrics.py",
    "verification": "src/lifecycle/repository/reproducibility.py",
    "tables": "src/lifecycle/core/tables.py",
    **{name: f"src/lifecycle/problem/{name}.py" for name in ("cells", "column_types")},
    **{name: f"src/lifecycle/sources/{name}.py" for name in ("csv_files", "parquet_files", "derived_columns")},
    **{name: f"src/lifecycle/contract/{name}.py" for name in ("row_validation", "rejected_rows")},
    "score_file": "src/lifecycle/bundle/score_file.py",
}
CELLS, SOURCES = "tests/lifecycle/problem/test_column_types.py", "tests/lifecycle/sources"
EVALUATION, AUDIT = "tests/lifecycle/evaluation", "tests/lifecycle/audit"
MUTATIONS = [
    Mutation("old window edge one second later", SOURCE["block"], "days) * DAY_US)", "days) * DAY_US) - 1_000_000", WINDOWS),
    Mutation("window edge on the wrong side", SOURCE["block"], 'side="right"', 'side="left"', WINDOWS),
    Mutation("label seen one second early", SOURCE["block"], "_end(window.age_us)", "_end(window.age_us - 1_000_000)", WINDOWS),
    Mutation("label of a later record seen", SOURCE["block"], "_end(window.age_us)", "_end(window.age_us - 3_600_000_000)", TIME),
    Mutation("delay of a window dropped", SOURCE["block"], "if window.age_us else", "if window.age_us < 0 else", TIME),
    Mutation("later record of the same time seen", SOURCE["block"], "window.age_us else rows", "window.age_us else self._end(0)", TIME),
    Mutation("record covered that should not be", SOURCE["block"], "np.arange(window.current, len(self.key) + window.current)", "np.arange(1, len(self.key) + 1)", WINDOWS),
    Mutation("condition ignored in counts", SOURCE["block"], "if not window.where:", "if window:", WINDOWS),
    Mutation("condition ignored in sums", SOURCE["block"], "if window.where else units", "if None else units", WINDOWS + " -k sum"),
    Mutation("one of two conditions is enough", SOURCE["block"], "np.logical_and", "np.logical_or", WINDOWS + " -k mix"),
    Mutation("totals of two conditions mixed up", SOURCE["block"], "if (what, where) not in self._totals", "if all(key[0] != what for key in self._totals)", WINDOWS + " -k mix"),
    Mutation("amounts cut to whole units", SOURCE["block"], "np.rint(values * scale)", "np.trunc(values) * scale", WINDOWS + " -k sum"),
    Mutation("squares beyond 64 bits", SOURCE["block"], "if largest < 2**31 else", "if largest else", FEATURES + "/aggregates/test_count_sum_mean.py"),
    Mutation("sums beyond 64 bits", SOURCE["block"], "if not largest * scale * len(values) < 2**63", "if False", FEATURES + "/aggregates/test_block.py"),
    Mutation("deviation of the population", SOURCE["count_sum_mean"], "pairs = (count * (count - 1))", "pairs = (count * count)", WINDOWS + " -k std"),
    Mutation("nothing taken for a sum of 0", SOURCE["count_sum_mean"], "if self.empty else total", "if None else total", WINDOWS + " -k sum"),
    Mutation("values left out taken for zeros", SOURCE["values"], "values, self.neutral)", "values, 0.0)", WINDOWS + " -k min"),
    Mutation("half of a range forgotten", SOURCE["values"], "values[high[rows] - 2**k]", "values[low[rows]]", WINDOWS + " -k min"),
    Mutation("sign of a zero left to chance", SOURCE["values"], "low, high) + 0.0", "low, high)", FEATURES + "/aggregates/test_aggregate.py"),
    Mutation("median needs two values", SOURCE["values"], "min_periods=1", "min_periods=2", WINDOWS + " -k median"),
    Mutation("value counted twice", SOURCE["values"], ", np.searchsorted(high, following", ", np.searchsorted(high, following + len(low)", WINDOWS + " -k distinct"),
    Mutation("value forgotten while it is covered", SOURCE["values"], "np.searchsorted(low, here", "np.searchsorted(high, here + 1", WINDOWS + " -k distinct"),
    Mutation("record before the window found", SOURCE["recency"], "newest >= low", "newest >= 0", WINDOWS + " -k since"),
    Mutation("run not broken by a 0", SOURCE["recency"], "[self.of] != 1)", "[self.of] == 2)", WINDOWS + " -k run"),
    Mutation("run longer than the window", SOURCE["recency"], "np.maximum(block.last(breaks)[high] + 1, low)", "block.last(breaks)[high] + 1", WINDOWS + " -k run"),
    Mutation("run as old as its newest record", SOURCE["recency"], "len(mask))[start]", "len(mask))[high - 1]", WINDOWS + " -k run_days"),
    Mutation("one entity's records in another's window", SOURCE["batch"], "+ longest + 1", "+ 1", WINDOWS + " -k mix"),
    Mutation("key of entity and time overflows", SOURCE["batch"], "2**62 // span", "2**66 // span", WINDOWS + " -k key"),
    Mutation("window on a window evaluated with it", SOURCE["window_words"], "deepest + isinstance(feature, Window)", "int(isinstance(feature, Window))", CHAINS),
    Mutation("division by zero", SOURCE["words"], "(b != 0) & ~np.isnan(b)", "~np.isnan(b)", FEATURES + "/test_batch_record.py"),
    Mutation("night ends an hour early", SOURCE["words"], "HOUR_US <= self.last_hour", "HOUR_US < self.last_hour", FEATURES + "/test_batch_record.py"),
    Mutation("delay of the split dropped", SOURCE["splits"], "TimeWindow(s - delay - train, s - delay,", "TimeWindow(s - train, s,", SPLITS),
    Mutation("validation window too late", SOURCE["splits"], "start - delay - i * test", "start - i * test", TIME),
    Mutation("card blocked before its label is known", SOURCE["splits"], "< day - delay)", "< day)", SPLITS),
    Mutation("shuffled split", SOURCE["splits"], "records.iloc[low:high]", "records.sample(frac=1, random_state=0).iloc[low:high]", SPLITS),
    Mutation("model and scaler fitted on validation rows too", SOURCE["train"], "model = train_model(params, problem, fold.train)", "model = train_model(params, problem, pd.concat(fold))", "tests/test_train.py"),
    Mutation("baseline's scaler fitted on validation rows too", SOURCE["train"], "rival = train_model(baseline(params, problem.task), problem, fold.train)", "rival = train_model(baseline(params, problem.task), problem, pd.concat(fold))", "tests/test_train.py"),
    Mutation("calibration judged on what it learned", SOURCE["calibration"], "(time < time[rows].min() - delay, rows)", "(fold <= fold[rows].min(), rows)", "tests/lifecycle/evaluation/test_probability_calibration.py"),
    Mutation("calibration learned from unknown labels", SOURCE["calibration"], "(time < time[rows].min() - delay, rows)", "(fold < fold[rows].min(), rows)", "tests/lifecycle/evaluation/test_probability_calibration.py"),
    Mutation("late label accepted", SOURCE["leakage"], "+ delay > test[time].min()", "> test[time].min()", "tests/lifecycle/splits/test_leakage.py"),
    Mutation("final model and its scaler fitted on validation rows too", SOURCE["train"], "model = final_model(params.train, problem, rows)", "model = final_model(params.train, problem, pd.concat([rows, fold.valid]))", "tests/test_train.py"),
    Mutation("final baseline fitted on validation rows too", SOURCE["train"], "baseline(params.train, problem.task), problem, rows)", "baseline(params.train, problem.task), problem, pd.concat([rows, fold.valid]))", "tests/test_train.py"),
    Mutation("intervals resample records", SOURCE["bootstrap"], "None if entity is None else pd.factorize(records[entity])[0]", "None", f"{EVALUATION} {AUDIT} tests/lifecycle/explanation"),
    Mutation("order of equal scores left to chance", SOURCE["ranking"], 'np.argsort(-score, kind="stable")', "np.argsort(-score)", "tests/lifecycle/core/test_ranking.py"),
    Mutation("order of equal entities left to chance", SOURCE["ranking"], 'np.argsort(-highest, kind="stable")', "np.argsort(-highest)", "tests/lifecycle/core/test_ranking.py"),
    Mutation("gate on the wrong end of the interval", SOURCE["comparison"], "* defined, 100 - LEVEL)", "* defined, LEVEL)", f"{EVALUATION}/test_comparison.py"),
    Mutation("gate on the wrong end of an unpaired interval", SOURCE["comparison"], "-high if direction < 0 else low", "-low if direction < 0 else high", f"{EVALUATION}/test_comparison.py"),
    Mutation("gate lets the margin itself pass", SOURCE["gates"], ".floor > -margin", ".floor >= -margin", f"{EVALUATION}/test_gates.py"),
    Mutation("leak alarm lets NaN pass", SOURCE["gates"], "not (value <= alarm if rises else value >= alarm)", "(value > alarm if rises else value < alarm)", f"{EVALUATION}/test_gates.py"),
    Mutation("baseline of NaN passes", SOURCE["task"], "if not sign * other <= sign * value", "if sign * other > sign * value", f"{EVALUATION}/test_gates.py"),
    Mutation("class that a resample lacks counted as missed", SOURCE["multiclass_metrics"], 'ratio(np.where(defined, values, 0.0).sum(axis=0), defined.sum(axis=0))', 'ratio(np.where(defined, values, 0.0).sum(axis=0), len(values))', f"{EVALUATION}/tasks/test_multiclass_metrics.py"),
    Mutation("class that is never decided left out of the precision", SOURCE["multiclass_metrics"], 'np.where((decided == 0) & (records > 0), 0.0,', 'np.where((decided < 0) & (records > 0), 0.0,', f"{EVALUATION}/tasks/test_multiclass_metrics.py"),
    Mutation("rare class that a resample lacks taken for 0", SOURCE["task"], 'if copies is None and math.isnan(value)', 'if math.isnan(value)', f"{EVALUATION}/tasks/test_multiclass_metrics.py"),
    Mutation("class as probable as the limit left to a person", SOURCE["class_decision"], 'probability.max(axis=1) < self.abstain_below', 'probability.max(axis=1) <= self.abstain_below', f"{EVALUATION}/test_class_decision.py"),
    Mutation("dearest class decided", SOURCE["class_decision"], 'self.expected_costs(probability).argmin(axis=1)', 'self.expected_costs(probability).argmax(axis=1)', f"{EVALUATION}/test_class_decision.py"),
    Mutation("probabilities of classes not divided by their sum", SOURCE["class_decision"], 'np.stack(parts, axis=1) / scale[:, None]', 'np.stack(parts, axis=1)', f"{EVALUATION}/test_class_decision.py"),
    Mutation("abstaining costs what the last class does", SOURCE["class_decision"], 'return cost if costs.shape[1] > len(costs) else', 'return cost if len(costs) else', f"{EVALUATION}/test_class_decision.py"),
    Mutation("interval of known records holds too few new ones", SOURCE["interval_decision"], '(len(residual) + 1) * coverage', 'len(residual) * coverage', f"{EVALUATION}/test_interval_decision.py"),
    Mutation("misses to one side only", SOURCE["interval_decision"], 'np.sort(np.abs(residual))', 'np.sort(residual)', f"{EVALUATION}/test_interval_decision.py"),
    Mutation("ends of an interval taken for other quantiles", SOURCE["regression_metrics"], '(1 - window.decision.coverage) / 2', '1 - window.decision.coverage', f"{EVALUATION}/tasks/test_regression_metrics.py"),
    Mutation("rounding taken for variance", SOURCE["regression_metrics"], 'spread > ROUNDING * sample.total(squared_truth)', 'spread > 0', f"{EVALUATION}/tasks/test_regression_metrics.py"),
    Mutation("spread of a group about the mean of all", SOURCE["group_metrics"], '(values - mean[code]) ** 2', '(values - mean.mean()) ** 2', f"{AUDIT}/test_group_metrics.py"),
    Mutation("rounding of a headline taken for variance", SOURCE["headline_metric"], 'not len(counted) or counted.min() == counted.max()', 'not len(counted)', "tests/lifecycle/core/test_headline_metric.py"),
    Mutation("loss that falls called worse", SOURCE["comparison"], '(low > 0) == (direction > 0)', 'low > 0', f"{EVALUATION}/test_comparison.py"),
    Mutation("noise of a mean error not divided by its records", SOURCE["fairness"], 'mean**2 * sample.total(records)', 'mean**2', f"{AUDIT}/test_fairness_kinds.py"),
    Mutation("ratio of errors without a floor", SOURCE["fairness"], '.mean() / 1e6 or 1.0', '.mean() / 1e300 or 1.0', f"{AUDIT}/test_fairness_kinds.py"),
    Mutation("group of just enough positives left out of the limits", SOURCE["fairness"], 'np.flatnonzero(figures.is_large(min_positives))', 'np.flatnonzero(figures.is_large(min_positives + 1))', f"{AUDIT}/test_fairness.py"),
    Mutation("group of just enough positives left out of the distances", SOURCE["fairness"], 'figures.table[figures.is_large(least)]', 'figures.table[figures.is_large(least + 1)]', f"{AUDIT}/test_fairness.py"),
    Mutation("small groups held against the limit on calibration", SOURCE["fairness"], "for i in large:", "for i in range(len(names)):", f"{AUDIT}/test_fairness.py"),
    Mutation("ageing with known entities left in", SOURCE["stability"], "rows_to_test(records, window, problem, drop_known)", "rows_to_test(records, window, problem, False)", f"{AUDIT}/test_stability.py"),
    Mutation("file renamed before its content is on disk", SOURCE["atomic"], "os.fsync(file.fileno())", "file.fileno()", "tests/lifecycle/core/test_tables.py"),
    Mutation("folder's names not on disk", SOURCE["atomic"], "os.fsync(descriptor)", "pass", "tests/lifecycle/core/test_tables.py"),
    Mutation("verify looks at the outputs of one lock only", SOURCE["verification"], "{**here, **there}", "here", "tests/test_verify.py"),
    Mutation("checksums of pages not looked at", SOURCE["tables"], "pq.ParquetFile(source, page_checksum_verification=True", "pq.ParquetFile(source", "tests/lifecycle/core/test_tables.py"),
    Mutation("checksums of pages not looked at in the project's own tables", SOURCE["tables"], "filters=where, page_checksum_verification=True", "filters=where", "tests/lifecycle/core/test_tables.py"),
    Mutation("tables without checksums", SOURCE["tables"], '"write_page_checksum": True', '"write_page_checksum": False', "tests/lifecycle/core/test_tables.py"),
    Mutation("schema that contradicts itself believed", SOURCE["tables"], "    _check_types(file)\n", "", f"{SOURCES}/test_parquet_files.py"),
    Mutation("words of pandas believed", SOURCE["parquet_files"], "len(values) == table.num_rows", "name not in ()", f"{SOURCES}/test_parquet_files.py"),
    Mutation("whole number rounded to a float", SOURCE["cells"], "if re.fullmatch(WHOLE, cell) and Decimal(value) != Decimal(cell):", "if False:", CELLS),
    Mutation("decimal taken for an integer when its float is whole", SOURCE["cells"], "exact = Fraction(number)  #", "exact = Fraction(float(number))  #", CELLS),
    Mutation("digits after the sixth of a second cut", SOURCE["cells"], "if nanoseconds % 1000:", "if False:", CELLS),
    Mutation("nanoseconds cut", SOURCE["column_types"], "exact = pc.equal(pc.multiply(units, 1000), whole)", "exact = pc.is_valid(units)", CELLS),
    Mutation("times of any year kept", SOURCE["column_types"], "_between(microseconds, TIMES[0], TIMES[1] - 1).cast", "microseconds.cast", CELLS),
    Mutation("number of a year taken for a time", SOURCE["column_types"], "column.type == \"timestamp\" and column.unit is None else", "False else", CELLS),
    Mutation("point read where a comma is set", SOURCE["column_types"], 'pc.replace_substring(text, ".", "?")', "text", CELLS),
    Mutation("quoted cell may swallow lines", SOURCE["csv_files"], "if _well_quoted(block.content, separator):", "if block.content:", f"{SOURCES}/test_csv_files.py"),
    Mutation("quoted cell may span two lines", SOURCE["csv_files"], "return bool(good.all() and (", "return bool(good.all() or (", f"{SOURCES}/test_csv_files.py"),
    Mutation("prepare may change what the source has", SOURCE["derived_columns"], "if moved or changed:", "if moved:", f"{SOURCES}/test_derived_columns.py"),
    Mutation("prepare may leave rows out", SOURCE["derived_columns"], "if len(made) != len(given):", "if made is None:", f"{SOURCES}/test_derived_columns.py"),
    Mutation("misfit called missing", SOURCE["row_validation"], 'found[~(misfit & (found["check"] == "not_nullable"))]', "found", "tests/lifecycle/contract/test_row_validation.py"),
    Mutation("quarantine shows the row after", SOURCE["rejected_rows"], "table[name].take(places)", "table[name].take(pc.add(places, 1))", "tests/lifecycle/contract/test_row_validation.py"),
    Mutation("rows lost in a damaged file", SOURCE["score_file"], "if number * rows + len(rest) != meta.num_rows:", "if number < 0:", "tests/lifecycle/bundle/test_score_file_source.py"),
]  # fmt: skip


def is_caught(mutation: Mutation, folder: Path) -> bool:
    """Plant a mutation in a copy, run its tests, take it out again; true when a test failed."""
    path = folder / mutation.file
    text = path.read_text(encoding="utf-8")
    assert text.count(mutation.right) == 1, (
        f"{mutation.name}: {mutation.right!r} stands {text.count(mutation.right)} times"
    )
    path.write_text(text.replace(mutation.right, mutation.wrong), encoding="utf-8")
    try:
        process = FORKS.Process(target=_run, args=(folder, mutation.tests))
        process.start()
        process.join(TIMEOUT)
        process.kill()
    finally:
        path.write_text(text, encoding="utf-8")
    return process.exitcode == 1  # a test failed; any other code: the tests could not run


def _run(folder: Path, tests: str) -> None:
    """Run tests of the copy, in a process that has not seen the code that they test."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    os.chdir(folder)
    sys.dont_write_bytecode = True  # a mutation of the same second and length would be taken for the one before
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the others take longer to load than most tests to run
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin"]
    profile = ["--hypothesis-profile=first_failure", "-m", "not slow"]
    sys.exit(pytest.main([*options, *profile, *shlex.split(tests)]))


def main() -> None:
    """List every mutation with its fate; fail when one is not caught."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = copy_repository(Path(temporary) / "mutated")
        caught = {mutation.name: is_caught(mutation, folder) for mutation in MUTATIONS}
    for name, fate in caught.items():
        print(f"{'caught' if fate else 'MISSED'}  {name}")
    raise SystemExit(f"{sum(caught.values())} of {len(caught)} caught" if not all(caught.values()) else 0)


if __name__ == "__main__":
    main()
