import struct

import pandas as pd
import pytest

from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.report.curves import DARK, LIGHT, at_points, curves, pictures
from lifecycle.repository.revision_files import Workspace
from tests.helpers_kinds import decided, problem

CURVES = {
    "precision_recall": pd.DataFrame({"recall": [0.1, 0.55, 1.0], "precision": [1.0, 0.9, 0.1]}),
    "roc": pd.DataFrame({"false_positive_rate": [0.0, 0.1, 1.0], "recall": [0.0, 0.8, 1.0]}),
    "calibration": pd.DataFrame({"predicted": [0.1, 0.9], "observed": [0.2, 0.8], "records": [900, 10]}),
    "cost": pd.DataFrame({"threshold": [0.0, 0.5, 1.0], "cost_per_record": [9.0, 0.1, 0.5]}),
}


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_colour_can_be_told_from_the_paper(theme):
    for colour, least in ((theme.ink, 7), (theme.base, 4.5), (theme.head, 4.5), (theme.soft, 3)):
        light, dark = sorted((luminance(colour), luminance(theme.paper)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= least


@pytest.mark.nightly
def test_the_same_tables_give_the_same_bytes_and_other_tables_do_not():
    first, second = pictures(CURVES, CURVES), pictures(CURVES, CURVES)
    assert first == second
    assert [picture.name for picture in first] == ["precision-recall", "roc", "calibration", "cost"]
    other = pictures(CURVES, CURVES | {"roc": CURVES["roc"].assign(recall=[0.0, 0.4, 1.0])})
    assert [a.light == b.light for a, b in zip(first, other, strict=True)] == [True, False, True, True]


def test_pictures_are_sharp_and_small():
    for picture in pictures(CURVES, CURVES):
        for content in (picture.light, picture.dark):
            assert content.startswith(b"\x89PNG")
            assert struct.unpack(">II", content[16:24]) == (880, 720)
            assert len(content) < 100_000


def test_a_side_without_tables_is_left_out():
    assert len(pictures({}, CURVES)) == len(pictures(CURVES, {})) == 4
    assert pictures({}, {}) == []


def test_the_precision_is_that_of_the_first_point_which_reaches_the_recall():
    assert at_points({}, CURVES)[0] == ("50%", "-", "90.0%")
    assert at_points({}, CURVES)[-1] == ("90%", "-", "10.0%")
    on_the_point = pd.DataFrame({"recall": [0.5, 0.6, 0.75], "precision": [1.0, 0.5, 0.25]})
    assert at_points({"precision_recall": on_the_point}, CURVES) == [
        ("50%", "100.0%", "90.0%"),
        ("60%", "50.0%", "10.0%"),
        ("70%", "25.0%", "10.0%"),
        ("80%", "-", "10.0%"),  # never reached
        ("90%", "-", "10.0%"),
    ]


def test_only_tables_with_rows_are_curves():
    class Side:
        def csv(self, path, text=()):
            return {"metrics/evaluate/roc.csv": CURVES["roc"], "metrics/decide/cost.csv": CURVES["cost"].head(0)}.get(
                path
            )

    assert {name: table is CURVES["roc"] for name, table in curves(Side()).items()} == {"roc": True}


class Files(Workspace):
    """A version with the plot tables of a kind of target."""

    def __init__(self, kind, seed=0):
        task = task_of(problem(kind))
        chosen, _, window = decided(task, seed=1 + seed)
        tables = task.plot_tables(window) | chosen.tables
        self.tables = {name: table.to_csv(index=False) for name, table in tables.items()}

    def text(self, path):
        return self.tables.get(path.split("/")[-1].removesuffix(".csv"))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("binary", ["precision-recall", "roc", "calibration", "cost"]),
        ("multiclass", ["class-calibration", "class-confusion", "abstaining"]),
        ("regression", ["predicted-actual", "residuals", "half-width"]),
    ],
)
def test_each_kind_of_target_has_its_pictures(kind, names):
    base, head = curves(Files(kind)), curves(Files(kind, seed=1))
    both = pictures(base, head)
    assert [picture.name for picture in both] == names
    one = pictures({}, head)
    decided = {"cost", "abstaining", "half-width"}  # made from the same validation records
    assert [a.light != b.light for a, b in zip(both, pictures(base, base), strict=True)] == [
        name not in decided for name in names
    ]
    assert all(a.light != b.light for a, b in zip(both, one, strict=True))


def test_classes_that_look_like_numbers_stay_names():
    side = Files("multiclass")
    rows = ["actual,decided,records", "01,01,3", "01,abstains,1", "2,01,2", "2,2,2"]
    side.tables["class_confusion"] = "\n".join(rows)
    assert curves(side)["class_confusion"]["actual"].tolist() == ["01", "01", "2", "2"]
