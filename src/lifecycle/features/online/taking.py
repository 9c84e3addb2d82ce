"""Snapshots out of tables: of a batch table, of nothing, and of only those records that still count."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lifecycle.features.online.packing import as_kept
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record import Record
from lifecycle.features.online.snapshot import Snapshot
from lifecycle.features.vocabulary import DAY_US


def snapshot_of(
    plan: Plan,
    columns: Mapping[str, np.ndarray],
    time_us: np.ndarray,
    key: np.ndarray,
    unknown: Mapping[str, np.ndarray],
    lateness_days: float,
) -> Snapshot:
    """Take the state out of a table's columns and features, with 0 for labels that are not known yet.

    Parameters
    ----------
    plan : Plan
        Says which columns are kept, and how far back windows reach.
    columns : mapping of str to numpy.ndarray, shape (n,)
        Columns and features of records in time order.
    time_us, key : numpy.ndarray, shape (n,)
        Their times and keys.
    unknown : mapping of str to numpy.ndarray of bool, shape (n,)
        For each label column, where it is not known yet.
    lateness_days : float
        How much older than its entities' newest record a later record may be.
    """
    values = {name: as_kept(columns[name]) for name in (*plan.columns, *plan.derived)}
    for name in unknown.keys() & values.keys():
        values[name] = np.where(unknown[name], "" if values[name].dtype == object else 0, values[name])
    return reached(plan, Snapshot(time_us, as_kept(key), values, plan.digest, round(lateness_days * DAY_US)))


def reached(plan: Plan, snapshot: Snapshot) -> Snapshot:
    """Return a snapshot of those records that a window of a later record, be it late, can reach."""
    within = np.zeros(len(snapshot.time), bool)
    for by in plan.tracks:
        entity = np.unique(snapshot.values[by], return_inverse=True)[1]
        newest = np.zeros(len(within), np.int64)
        newest[entity] = snapshot.time  # of an entity's times the last one stays
        age_us = plan.reach_us(by) + snapshot.lateness_us
        seen = True if snapshot.horizon is None else newest[entity] > snapshot.horizon - age_us
        within |= seen & (snapshot.time > newest[entity] - age_us)
    kept = {name: column[within] for name, column in snapshot.values.items()}
    return replace(snapshot, time=snapshot.time[within], key=snapshot.key[within], values=kept)


def on_top(base: Snapshot, records: Sequence[Record]) -> Snapshot:
    """Return a snapshot with the records of another one, and those that have come or changed since."""
    standing = np.ones(len(base.time), bool)
    standing[[record.arrival for record in records if record.arrival < len(standing)]] = False
    rows = np.flatnonzero(standing)
    time = np.append(base.time[rows], np.array([record.time for record in records], np.int64))
    arrival = np.append(rows, np.array([record.arrival for record in records], np.int64))
    order = np.lexsort((arrival, time))

    def joined(column: np.ndarray, added: list[Any]) -> np.ndarray:
        return as_kept(column[rows].tolist() + added)[order]

    values = {name: joined(column, [r.values[name] for r in records]) for name, column in base.values.items()}
    return replace(base, time=time[order], key=joined(base.key, [r.key for r in records]), values=values)


def empty(plan: Plan, lateness_us: int) -> Snapshot:
    """Return a snapshot without records."""
    nothing = np.empty(0, np.int64)
    kept = dict.fromkeys((*plan.columns, *plan.derived), nothing)
    return Snapshot(nothing, nothing, kept, plan.digest, lateness_us)
