"""Requests that really score, made from what the model's features were like in training."""

from collections.abc import Mapping
from typing import Any

from lifecycle.model.servable import Servable
from lifecycle.serving.inputs.times import EXAMPLE
from lifecycle.serving.inputs.transactions import contract_of

UNUSED = 999_999_999  # the key and the entities of an example are most likely nobody's


def features(servable: Servable) -> dict[str, Any]:
    """Return the median of each feature, of text the commonest value."""
    return {name: _usual(servable, name) for name in servable.features}


def transaction(servable: Servable) -> dict[str, Any]:
    """Return a transaction; its labels are not known yet."""
    required = contract_of(servable).required
    return {each["name"]: _value(servable, each) for each in servable.schema["columns"] if each["name"] in required}


def label(servable: Servable) -> dict[str, Any]:
    """Return what becomes known of that transaction."""
    contract = contract_of(servable)
    columns = [c for c in servable.schema["columns"] if c["name"] == contract.key or c["name"] in contract.late]
    return {each["name"]: _value(servable, each) for each in columns}


def _usual(servable: Servable, name: str) -> Any:
    about: Mapping[str, Any] = next((c for c in servable.contract["columns"] if c["name"] == name), {})
    if name in servable.texts:
        shares = about.get("categories") or {"text": 1.0}
        return max(shares, key=lambda word: shares[word])
    return round(about.get("quantiles", {}).get("0.5", 0.0), 6)


def _value(servable: Servable, column: Mapping[str, Any]) -> Any:
    name, kind, legal = column["name"], column["type"], column.get("isin")
    low, high = column.get("ge"), column.get("le")
    if legal is not None:
        return legal[-1] if name in contract_of(servable).late else legal[0]
    if kind == "timestamp":
        return EXAMPLE if low is None or low <= EXAMPLE else f"{low[:4]}-12-31"
    if kind == "text":
        return _usual(servable, name) if name in servable.texts else "text"
    usual = _usual(servable, name) if name in servable.numbers else UNUSED if kind == "integer" else 0.0
    usual = max(usual if high is None else min(usual, high), usual if low is None else low)
    return int(usual) if kind == "integer" else round(usual, column.get("decimals") or 0)
