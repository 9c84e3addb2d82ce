"""Plant the mistakes that matter in a copy, and see a test notice each: `python -m tests.mutations`."""

import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.conftest import copy_repository, run


class Mutation(NamedTuple):
    """A mistake: where, what stands there, what it becomes, and the tests that must notice."""

    name: str
    file: str
    right: str
    wrong: str
    tests: str


TIME, WINDOWS = "tests/test_time.py", "tests/lifecycle/features"
SPLITS, MODEL = "tests/lifecycle/model/test_splits.py tests/test_split.py", "tests/lifecycle/model"
SOURCE = {
    "windows": "src/lifecycle/features/windows.py",
    "splits": "src/lifecycle/model/splits.py",
    "train": "src/train.py",
    "calibration": "src/lifecycle/model/calibration.py",
    "leakage": "src/lifecycle/data/leakage.py",
}
MUTATIONS = [
    Mutation("old window edge one second later", SOURCE["windows"], "age + width)", "age + width - 1_000_000)", WINDOWS),
    Mutation("window edge on the wrong side", SOURCE["windows"], 'side="right"', 'side="left"', WINDOWS),
    Mutation("label seen one second early", SOURCE["windows"], "delay_days * DAY_US)", "delay_days * DAY_US) - 1_000_000", WINDOWS),
    Mutation("delay of a window dropped", SOURCE["windows"], "round(window.delay_days * DAY_US)", "0", TIME),
    Mutation("amounts cut to whole units", SOURCE["windows"], "np.rint(values * scale)", "np.trunc(values) * scale", WINDOWS),
    Mutation("delay of the split dropped", SOURCE["splits"], "TimeWindow(s - delay - train, s - delay,", "TimeWindow(s - train, s,", SPLITS),
    Mutation("validation window too late", SOURCE["splits"], "start - delay - i * test", "start - i * test", TIME),
    Mutation("card blocked before its label is known", SOURCE["splits"], "< day - delay)", "< day)", SPLITS),
    Mutation("shuffled split", SOURCE["splits"], "records.iloc[low:high]", "records.sample(frac=1, random_state=0).iloc[low:high]", SPLITS),
    Mutation("model and scaler fitted on validation rows too", SOURCE["train"], "model = fit(params, problem, train)", "model = fit(params, problem, fold)", "tests/test_train.py"),
    Mutation("baseline's scaler fitted on validation rows too", SOURCE["train"], "fit(params, problem, train, baseline=True), valid", "fit(params, problem, fold, baseline=True), valid", "tests/test_train.py"),
    Mutation("calibration judged on what it learned", SOURCE["calibration"], "time < time[fold == f].min() - delay", "fold <= f", MODEL + "/test_calibration.py"),
    Mutation("calibration learned from unknown labels", SOURCE["calibration"], "time < time[fold == f].min() - delay", "fold < f", MODEL + "/test_calibration.py"),
    Mutation("late label accepted", SOURCE["leakage"], "+ delay > test[time].min()", "> test[time].min()", "tests/lifecycle/data/test_leakage.py"),
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
        done = run(
            f"python -m pytest -x -q -p no:cacheprovider -m 'not slow' {mutation.tests} || echo CAUGHT $?", folder
        )
    finally:
        path.write_text(text, encoding="utf-8")
    return "CAUGHT 1" in done.stdout  # 1: a test failed; any other code: the tests could not run


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
