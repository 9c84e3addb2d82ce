"""A feature list as JSON and back: what a service rebuilds it from."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lifecycle.features import vocabulary
from lifecycle.features.vocabulary import Feature, Where

NAN = "NaN"


def declared(feature: Feature) -> dict[str, Any]:
    """Return a feature's declaration as JSON can hold it; an `empty` of NaN becomes text."""
    values = {"word": type(feature).__name__} | dataclasses.asdict(feature)
    missing = isinstance(values.get("empty"), float) and math.isnan(values["empty"])
    return values | ({"empty": NAN} if missing else {})


def features_of(declaration: Sequence[Mapping[str, Any]]) -> tuple[Feature, ...]:
    """Return the features that `declared` described."""
    return tuple(_feature(dict(values)) for values in declaration)


def _feature(values: dict[str, Any]) -> Feature:
    word = getattr(vocabulary, values.pop("word"))
    if "where" in values:
        values |= {"where": tuple(Where(**where) for where in values["where"]), "days": tuple(values["days"])}
    if values.get("empty") == NAN:
        values["empty"] = math.nan
    return word(**values)
