"""The contract as Soda's data contract, with a data source that reads the records by DuckDB.

    python src/mlops.py export soda

Writes  exports/soda/contract.yml and exports/soda/source.yml, which `soda contract verify` reads
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from integrations.contract_rules import Rule, parsed, rules_of_project
from lifecycle.core.atomic import atomic

FOLDER, RECORDS = "exports/soda", "data/raw/records.parquet"
NUMBER, TIME, TEXT = "TRY_CAST({column} AS DOUBLE)", "TRY_CAST({column} AS TIMESTAMP)", "CAST({column} AS VARCHAR)"
UNITS = f"{NUMBER} * 1e{{limit}}"
SQL = {  # a row is refused where this is true; casts, because one error in SQL would end all checks unsaid
    "type": "lower(typeof({column})) NOT IN ({limit})",
    "at_least": "{value} < {limit}",
    "at_most": "{value} > {limit}",  # NaN too: to DuckDB it is the largest number
    "before": "{value} >= {limit}",
    "one_of": "{value} NOT IN ({limit})",
    "decimals": f"abs({UNITS} - round({UNITS})) > 1e-6 + 1e-15 * abs({UNITS})",
    "readable": f"contains({TEXT}, chr(0)) OR contains({TEXT}, chr(65535))",
}
WHOLE = ("tinyint", "smallint", "integer", "bigint")
TYPES = {  # what DuckDB calls the columns of a table that holds these
    "integer": WHOLE,
    "nullable integer": ("double", *WHOLE),
    "number": ("double", "float", *WHOLE),
    "text": ("varchar",),
    "timestamp": ("timestamp",),
}


def contract(rules: Sequence[Rule], table: str = "records") -> dict[str, Any]:
    """Return the content of a data contract: the checks of each column, and those of the table as a whole.

    Each check is named by its column or columns and the kind of its rule.
    """
    names = list(dict.fromkeys(rule.column for rule in rules if rule.kind != "distinct"))
    inner = [rule for rule in rules if rule.kind not in ("type", "distinct")]
    outer = [rule for rule in rules if rule.kind in ("type", "distinct")]
    return {
        "dataset": f"project/main/{table}",
        "columns": [{"name": name, "checks": [_check(one) for one in inner if one.column == name]} for name in names],
        "checks": [{"schema": {"allow_other_column_order": True}}, *map(_check, outer)],
    }


def _check(rule: Rule) -> dict[str, Any]:
    """Return a check; what Soda has no word for is written in SQL."""
    words: Mapping[str, tuple[str, dict[str, Any]]] = {
        "present": ("missing", {}),
        "unique": ("duplicate", {}),
        "distinct": ("duplicate", {"columns": list(rule.columns)}),
    }
    name = f"{', '.join(rule.columns)} {rule.kind}"
    kind, content = words[rule.kind] if rule.kind in words else ("failed_rows", {"expression": _sql(rule)})
    return {kind: {"name": name, "qualifier": name.replace(", ", "_").replace(" ", "_"), **content}}


def _sql(rule: Rule) -> str:
    """Return what is true of a value that breaks a rule."""
    column, limit, value = f'"{rule.column}"', rule.limit, NUMBER
    if rule.kind == "type":
        limit = ", ".join(map(_text, TYPES[limit]))
    elif rule.kind == "one_of":
        is_text = isinstance(limit[0], str)
        limit, value = ", ".join(map(_text if is_text else str, limit)), TEXT if is_text else NUMBER
    elif isinstance(limit, str):
        limit, value = f"TIMESTAMP '{limit}'", TIME
    return SQL[rule.kind].format(column=column, limit=limit, value=value.format(column=column))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def source(records: str) -> dict[str, Any]:
    """Return the content of a data source: one parquet file, as a table of its name."""
    return {"type": "duckdb", "name": "project", "connection": {"database": records}}


def export(argv: Sequence[str]) -> None:
    """Write the contract and its data source."""
    options = parsed("soda", argv, FOLDER)
    content = contract(rules_of_project(options.as_of), Path(RECORDS).stem)
    for name, part in (("contract.yml", content), ("source.yml", source(RECORDS))):
        with atomic(options.folder / name) as path:
            path.write_text(yaml.safe_dump(part, sort_keys=False, allow_unicode=True), encoding="utf-8")
    checks = sum(len(column["checks"]) for column in content["columns"]) + len(content["checks"])
    print(f"{options.folder / 'contract.yml'}: {checks} checks")
