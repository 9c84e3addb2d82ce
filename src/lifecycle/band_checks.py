"""Refuse a cut into groups that contradicts itself or its problem, naming the band."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lifecycle.bands import MISSING, Band
from lifecycle.stage import PipelineError

if TYPE_CHECKING:
    from lifecycle.problem import Problem

MOST_QUANTILES = 20


def check_bands(problem: Problem) -> None:
    """Check each band against itself, the contract and the features.

    Raises
    ------
    PipelineError
        Names the band and the value at fault.
    """
    for role, bands in (("slices", problem.slices), ("groups", problem.groups)):
        if not isinstance(bands, tuple) or not all(isinstance(band, Band) for band in bands):
            raise PipelineError(f"{role} must be a tuple of bands, like (Band('hour', 'hour', edges=(6, 12)),)")
        names = [band.name for band in bands]
        for band in bands:
            try:
                _check_cut(band)
                _check_column(band, problem)
                if names.count(band.name) > 1:
                    raise PipelineError("declared twice; give each its own name")
                if role == "groups" and band.column in problem.label_columns:
                    raise PipelineError(f"{band.column!r} is known only after the fact: nobody belongs to such a group")
            except PipelineError as error:
                raise PipelineError(f"{role}: band {band.name!r}: {error}") from error


def _check_cut(band: Band) -> None:
    if not isinstance(band.name, str) or not band.name:
        raise PipelineError("the name must be text in quotes")
    if band.edges and band.quantiles:
        raise PipelineError("give edges or quantiles, not both")
    if not isinstance(band.edges, tuple) or not all(_is_number(edge) for edge in band.edges):
        raise PipelineError(f"edges = {band.edges!r} must be a tuple of numbers, like (25, 100)")
    if any(b <= a for a, b in zip(band.edges, band.edges[1:], strict=False)):
        raise PipelineError(f"edges = {band.edges!r} must ascend")
    if type(band.quantiles) is not int or band.quantiles not in (0, *range(2, MOST_QUANTILES + 1)):
        raise PipelineError(f"quantiles = {band.quantiles!r} must be a whole number from 2 to {MOST_QUANTILES}")
    _check_labels(band)


def _check_labels(band: Band) -> None:
    if not isinstance(band.labels, tuple) or not all(isinstance(label, str) and label for label in band.labels):
        raise PipelineError(f"labels = {band.labels!r} must be a tuple of texts")
    if band.labels and len(band.labels) != (band.cuts and band.cuts + 1):
        made = f"{band.cuts + 1} groups are made" if band.cuts else "values name themselves: leave labels out"
        raise PipelineError(f"labels: {len(band.labels)} are given, {made}")
    if len({*band.labels, MISSING}) <= len(band.labels):
        raise PipelineError(f"labels = {band.labels!r} must differ, and none may be {MISSING!r}")


def _check_column(band: Band, problem: Problem) -> None:
    made = {name for feature in problem.features for name in feature.names}
    column = problem.columns.get(band.column)
    if column is None and band.column not in made:
        raise PipelineError(f"{band.column!r} is neither a column of the contract nor a feature")
    if column is not None and column.type == "timestamp":
        raise PipelineError(f"{band.column!r} is a timestamp: take a calendar feature, like Hour('hour')")
    if column is not None and column.type == "text" and band.cuts:
        raise PipelineError(f"{band.column!r} is text: its values are the groups, leave edges and quantiles out")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
