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
SQL = {  # a row is refused where this is true of its value
    "before": "{column} >= TIMESTAMP '{limit}'",
    "decimals": "abs({column} * 1e{limit} - round({column} * 1e{limit})) > 1e-6 + 1e-15 * abs({column} * 1e{limit})",
    "readable": "contains({column}, chr(0)) OR contains({column}, chr(65535))",
    "at_least": "{column} < {limit}",
    "at_most": "{column} > {limit}",  # NaN too: to DuckDB it is the largest number
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
    """Return the content of a data contract: the checks of each column, then those of whole rows."""
    names = list(dict.fromkeys(rule.column for rule in rules if rule.kind != "distinct"))
    columns = [{"name": name, "checks": _checks(name, rules)} for name in names]
    whole = [{"duplicate": {"columns": list(rule.columns)}} for rule in rules if rule.kind == "distinct"]
    types = {rule.column: rule.limit for rule in rules if rule.kind == "type"}
    wrong = [
        {"failed_rows": {"name": f"type of {name}", "qualifier": f"type_{name}", "expression": _other(name, kind)}}
        for name, kind in types.items()
    ]
    return {
        "dataset": f"project/main/{table}",
        "columns": columns,
        "checks": [{"schema": {"allow_other_column_order": True}}, *wrong, *whole],
    }


def _checks(name: str, rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Return the checks of one column; those that Soda has no word for are written in SQL."""
    native: Mapping[str, Any] = {"present": "missing", "unique": "duplicate"}
    found: list[dict[str, Any]] = []
    for rule in (rule for rule in rules if rule.columns == (name,) and rule.kind not in ("type", "distinct")):
        if rule.kind in native:
            found.append({native[rule.kind]: {}})
        elif rule.kind == "one_of":
            found.append({"invalid": {"valid_values": rule.limit}})
        else:
            found.append(
                {"failed_rows": {"name": f"{name} {rule.kind}", "qualifier": rule.kind, "expression": _sql(rule)}}
            )
    return found


def _sql(rule: Rule) -> str:
    is_time = isinstance(rule.limit, str) and rule.kind.startswith("at_")
    limit = f"TIMESTAMP '{rule.limit}'" if is_time else rule.limit
    return SQL[rule.kind].format(column=f'"{rule.column}"', limit=limit)


def _other(name: str, kind: str) -> str:
    """Return what is true of every row where the column has another type."""
    return f'lower(typeof("{name}")) NOT IN ({", ".join(map(repr, TYPES[kind]))})'


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
