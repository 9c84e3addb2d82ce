"""Ten kinds of fault and drift, put into raw records from a day on. Not run by itself.

A change takes its random numbers from the world's seed and its kind alone: twins of one kind share them, and a larger
size hits what a smaller one hits, and more. Each kind says what a monitor should make of it: the classes an alarm may
have, the columns it may name first, and the actions it may ask for.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.drift.worlds import CUSTOMERS, END, HELD_BACK, TERMINALS, Delivery, World

SEEDS = 1_000_003  # keeps the draws of two worlds apart
COMPROMISED_DAYS, STOLEN_DAYS = 28, 14  # of a terminal and of a card, as in the simulator
STOLEN_FACTOR = 5.0
BROKEN = ("amount", "terminal_id", "customer_id")  # columns whose values get lost, one world after the other


class Scene(NamedTuple):
    """Where a change happens."""

    world: World
    start: int  # its first day
    rng: np.random.Generator

    @property
    def hit(self) -> np.ndarray:
        """Rows from the first day on."""
        return self.world.source.day >= self.start


class Kind(NamedTuple):
    """A kind of fault or drift.

    Parameters
    ----------
    name, unit : str
        What it is called, and what its sizes are.
    sizes : tuple of four floats
        The smallest first.
    inject : callable
        From a scene and a size to the deliveries.
    classes, causes, actions : tuple of str
        What an alarm about it may have as its class, name first, and ask for.
    """

    name: str
    unit: str
    sizes: tuple[float, float, float, float]
    inject: Callable[[Scene, float], Delivery]
    classes: tuple[str, ...]
    causes: tuple[str, ...]
    actions: tuple[str, ...]

    @property
    def is_fault(self) -> bool:
        """Whether the data are broken, and the world has not changed."""
        return "quality" in self.classes

    def deliveries(self, world: World, start: int, size: float) -> Delivery:
        """Return the world's deliveries, changed from day `start` on."""
        place = [kind.name for kind in KINDS].index(self.name)
        return self.inject(Scene(world, start, np.random.default_rng([world.seed, SEEDS, place])), size)


def _changed(scene: Scene, **columns: Any) -> Delivery:
    source = scene.world.source
    return source._replace(records=source.records.assign(**columns))


def _some_terminals(scene: Scene, share: float) -> np.ndarray:
    """Return the rows from the first day on at a share of the terminals: those of one software, say."""
    of_terminal = scene.rng.uniform(size=TERMINALS) < share
    return scene.hit & of_terminal[scene.world.source.records["terminal_id"].to_numpy()]


def _some_records(scene: Scene, share: float) -> np.ndarray:
    return scene.hit & (scene.rng.uniform(size=len(scene.hit)) < share)


def _frauds(scene: Scene, rows: np.ndarray, scenario: int, amount: np.ndarray | None = None) -> Delivery:
    """Make frauds of genuine payments, of another amount where one is given."""
    records = scene.world.source.records
    rows = rows & (records["is_fraud"] == 0).to_numpy()
    before = records["amount"].to_numpy()
    return _changed(
        scene,
        amount=before if amount is None else np.where(rows, np.maximum(np.round(amount, 2), 0.01), before),
        is_fraud=np.where(rows, 1, records["is_fraud"]).astype(np.int8),
        fraud_scenario=np.where(rows, scenario, records["fraud_scenario"]).astype(np.int8),
    )


def _during(scene: Scene, column: str, population: int, a_day: float, days: int) -> np.ndarray:
    """Return the payments of those who are drawn on each day, `a_day` on average, for so many days."""
    source = scene.world.source
    ids, found = source.records[column].to_numpy(), np.zeros(len(source.day), bool)
    for day in range(scene.start, END):
        drawn = scene.rng.choice(population, min(64, population), replace=False)  # in the same order for all sizes
        count = int(np.floor(a_day * (day - scene.start + 1)) - np.floor(a_day * (day - scene.start)))
        found |= np.isin(ids, drawn[:count]) & (source.day >= day) & (source.day < day + days)
    return found


def _amount_shift(scene: Scene, size: float) -> Delivery:
    amount = scene.world.source.records["amount"]
    return _changed(scene, amount=np.where(scene.hit, np.round(amount * (1 + size), 2), amount))


def _unit_fault(scene: Scene, share: float) -> Delivery:
    amount = scene.world.source.records["amount"]
    return _changed(scene, amount=np.where(_some_terminals(scene, share), np.round(amount * 100, 2), amount))


def _missing_values(scene: Scene, share: float) -> Delivery:
    column = BROKEN[scene.world.seed % len(BROKEN)]
    values = scene.world.source.records[column]
    values = values if column == "amount" else values.astype("Int64")
    return _changed(scene, **{column: values.mask(_some_records(scene, share))})


def _unseen_category(scene: Scene, share: float) -> Delivery:
    region = scene.world.source.records["region"]
    return _changed(scene, region=np.where(_some_records(scene, share), 7, region))


def _terminal_waves(scene: Scene, more: float) -> Delivery:
    return _frauds(scene, _during(scene, "terminal_id", TERMINALS, more, COMPROMISED_DAYS), 2)


def _new_fraud(scene: Scene, cards: float) -> Delivery:
    """Stolen cards that are tried with small amounts: half of their payments, at a fifth of the amount."""
    rows = _during(scene, "customer_id", CUSTOMERS, cards, STOLEN_DAYS) & _some_records(scene, 0.5)
    return _frauds(scene, rows, 3, scene.world.source.records["amount"].to_numpy() / 5)


def _moved_threshold(scene: Scene, limit: float) -> Delivery:
    return _frauds(scene, scene.hit & (scene.world.source.records["amount"] > limit).to_numpy(), 1)


def _prior_shift(scene: Scene, times: float) -> Delivery:
    """So many times as many frauds of the kinds that there are: some left out, or more terminals and cards."""
    source = scene.world.source
    if times < 1:
        left_out = _some_records(scene, 1 - times) & (source.records["is_fraud"] == 1).to_numpy()
        return Delivery(source.records[~left_out].reset_index(drop=True), source.day[~left_out])
    terminals = _frauds(scene, _during(scene, "terminal_id", TERMINALS, 2 * (times - 1), COMPROMISED_DAYS), 2)
    more = scene._replace(world=scene.world._replace(source=terminals))
    cards = 3 * CUSTOMERS / (CUSTOMERS + HELD_BACK) * (times - 1)  # the simulator draws from all
    rows = _during(more, "customer_id", CUSTOMERS, cards, STOLEN_DAYS) & _some_records(more, 1 / 3)
    return _frauds(more, rows, 3, terminals.records["amount"].to_numpy() * STOLEN_FACTOR)


def _growth(scene: Scene, share: float) -> Delivery:
    source, others = scene.world.source, scene.world.held_back
    new = others.records["customer_id"].to_numpy() < CUSTOMERS * (1 + share)
    rows = (others.day >= scene.start) & new
    records = pd.concat([source.records, others.records[rows]], ignore_index=True)
    order = np.argsort(records["tx_time"].to_numpy(), kind="stable")
    return Delivery(records.iloc[order].reset_index(drop=True), np.concatenate([source.day, others.day[rows]])[order])


def _schema_change(scene: Scene, share: float) -> Delivery:
    """Let some terminals deliver a column under another name, or in another form; one world after the other."""
    source, rows = scene.world.source, _some_terminals(scene, share)
    column = schema_column(scene.world.seed)
    values = source.records[column]
    if column == "amount":
        return _changed(scene, value=values.where(rows), amount=values.mask(rows))
    text = values.astype(str)
    return _changed(scene, **{column: text.where(~rows, "T-" + text)})


def schema_column(seed: int) -> str:
    """Return the column whose form changes in a world."""
    return ("amount", "terminal_id", "customer_id")[seed % 3]


AMOUNT = ("amount", "amount_ratio")
CARD = (*AMOUNT, "customer_since_large_10d")
TERMINAL = ("terminal_since_genuine_30d", "terminal_fraud_run_30d", "terminal_fraud_run_age_30d")
NOTHING = ""  # the number of records alone has changed
LABEL = "is_fraud"  # there are more frauds, or fewer, and no feature tells them from the usual ones
DRIFT, LOSS = ("covariate", "score", "concept", "performance"), ("concept", "performance")
FAULT = ("quality", "schema")
MEND, LEARN, LOOK = ("page", "ticket"), ("retrain", "page"), ("ticket", "retrain")  # a page: the model has collapsed
FEW, SOME = (0.02, 0.1, 0.5, 1.0), (0.01, 0.05, 0.2, 1.0)
KINDS = (
    Kind("amount shift", "more", (0.05, 0.1, 0.2, 0.5), _amount_shift, DRIFT, CARD, LOOK),
    Kind("unit fault", "of terminals", FEW, _unit_fault, FAULT, AMOUNT, MEND),
    Kind("missing values", "of records", SOME, _missing_values, FAULT, BROKEN, MEND),
    Kind("unseen category", "of records", SOME, _unseen_category, FAULT, ("region",), MEND),
    Kind("terminal waves", "more a day", (1, 2, 4, 8), _terminal_waves, DRIFT, (*TERMINAL, LABEL), LEARN),
    Kind("new fraud mode", "cards a day", (1, 2, 4, 8), _new_fraud, LOSS, AMOUNT, LEARN),
    Kind("moved threshold", "the limit", (200, 170, 140, 110), _moved_threshold, LOSS, AMOUNT, LEARN),
    Kind("prior shift", "times", (0.5, 0.1, 2, 4), _prior_shift, DRIFT, (*CARD, *TERMINAL, LABEL), (*LEARN, *LOOK)),
    Kind(
        "population growth",
        "more",
        (0.1, 0.2, 0.35, 0.5),
        _growth,
        ("volume", *DRIFT),
        (NOTHING, *CARD, TERMINAL[0]),
        LOOK,
    ),
    Kind("schema change", "of terminals", FEW, _schema_change, FAULT, BROKEN, MEND),
)
