"""The operator's trees against a walk through them, also where values and thresholds meet, are infinite or missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from lifecycle.bundle.onnx_export import Graph, ensemble_score
from lifecycle.bundle.servable import onnxruntime  # as it is imported there: silent
from lifecycle.models.leaves import Nodes
from lifecycle.models.trees import Ensemble

COLUMNS = 2
TENTH = np.float32(0.1)
EDGES = [0.0, -0.0, 0.1, *(float(np.nextafter(TENTH, np.float32(way))) for way in (-9, 9)), -3e38, np.inf, -np.inf]


@st.composite
def trees(draw: st.DrawFn) -> Nodes:
    """Grow a tree of some depth whose branches are taken by more or fewer rows."""
    left, right, feature, threshold, missing, cover, value = ([] for _ in range(7))

    def grow(depth: int) -> int:
        at = len(left)
        for column, first in zip((left, right, feature, threshold, missing), (-1, -1, 0, 0.0, 0), strict=True):
            column.append(first)
        cover.append(draw(st.integers(1, 9)))
        value.append(draw(st.sampled_from([0.25, 0.5, 0.1, -0.3])))
        if depth and draw(st.booleans()):
            feature[at], threshold[at] = draw(st.integers(0, COLUMNS - 1)), draw(st.sampled_from(EDGES))
            missing[at] = draw(st.integers(0, 1))
            left[at], right[at] = grow(depth - 1), grow(depth - 1)
        return at

    grow(4)
    return Nodes(*(np.array(column) for column in (left, right, feature, threshold, missing, cover, value)))


def walked(tree: Nodes, row: np.ndarray) -> float:
    at = 0
    while tree.left[at] >= 0:
        seen = row[tree.feature[at]]
        goes_left = bool(tree.missing_left[at]) if np.isnan(seen) else seen <= tree.threshold[at]
        at = tree.left[at] if goes_left else tree.right[at]
    return float(tree.value[at])


@pytest.mark.parametrize(("single", "narrow"), [(True, False), (False, False), (True, True)])
@settings(max_examples=150, deadline=None)
@given(grown=st.lists(trees(), min_size=1, max_size=3), values=st.lists(st.sampled_from([*EDGES, np.nan]), min_size=8))
def test_every_row_ends_in_the_leaf_that_the_tree_leads_it_to(single, narrow, grown, values) -> None:
    type_ = np.float32 if single else np.float64
    rows = np.array(values[: len(values) // COLUMNS * COLUMNS]).reshape(-1, COLUMNS).astype(type_).astype(np.float64)
    graph = Graph()
    seen = graph.input("numbers", TensorProto.DOUBLE, COLUMNS)
    found = Ensemble(grown, COLUMNS, (0.0,), 1, single, narrow, "log-odds")
    graph.add("Identity", ensemble_score(graph, seen, found), name="score")
    model = onnxruntime.InferenceSession(graph.model([("score", ["rows"])]), providers=["CPUExecutionProvider"])
    sums = np.float32 if narrow else np.float64
    wanted = [sum((sums(walked(tree, row)) for tree in grown), start=sums(0)) for row in rows]
    assert model.run(["score"], {"numbers": rows})[0].tolist() == [float(total) for total in wanted]
