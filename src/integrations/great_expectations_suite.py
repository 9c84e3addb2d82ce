"""The contract as a suite of Great Expectations, and its verdict on a table.

    python src/mlops.py export great_expectations

Writes  exports/great_expectations/suite.json, which `gx.ExpectationSuite(**content)` reads

`verdict` needs Great Expectations, which has an environment of its own: docs/integrations.md says how it is called.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from integrations.contract_rules import Rule

FOLDER = "exports/great_expectations"
WHOLE = ["int8", "int16", "int32", "int64"]
TYPES = {  # what pandas calls the columns of a table that holds these
    "integer": WHOLE,
    "nullable integer": ["float64", "Int64Dtype", *WHOLE],
    "number": ["float64", "float32", *WHOLE],
    "text": ["str"],
    "timestamp": ["datetime64[ns]"],
}
UNREADABLE = "[\\x00\\uffff]"


def suite(rules: "Sequence[Rule]") -> dict[str, Any]:
    """Return the content of a suite: an expectation for each rule, in order."""
    return {"name": "contract", "expectations": [_expectation(rule) for rule in rules]}


def _expectation(rule: "Rule") -> dict[str, Any]:
    if rule.kind == "distinct":
        return {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": list(rule.columns)}}
    name, arguments = EXPECTATIONS[rule.kind]
    return {"type": f"expect_column_values_to_{name}", "kwargs": {"column": rule.column} | arguments(rule.limit)}


def _at_most_decimals(places: int) -> str:
    """Return a pattern of numbers with so many decimals, as Python writes them; 0.1 + 0.2 has one.

    It is stricter than the gate with numbers that are nothing but noise, such as 1e-17.

    Examples
    --------
    >>> import re
    >>> [bool(re.match(_at_most_decimals(2), text)) for text in ("7.25", "0.30000000000000004", "7.125", "1e-05")]
    [True, True, False, False]
    """
    short = rf"\d{{1,{places}}}" if places else "0"
    noise = rf"\d{{{places}}}(?:0{{6,}}|9{{6,}})\d*"
    return rf"^-?\d+(?:\.(?:{short}|{noise}))?$"


EXPECTATIONS: Mapping[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {  # the name of each, and its arguments
    "type": ("be_in_type_list", lambda kind: {"type_list": TYPES[kind]}),
    "present": ("not_be_null", lambda _: {}),
    "at_least": ("be_between", lambda limit: {"min_value": limit}),
    "at_most": ("be_between", lambda limit: {"max_value": limit}),
    "before": ("be_between", lambda limit: {"max_value": limit, "strict_max": True}),
    "one_of": ("be_in_set", lambda legal: {"value_set": legal}),
    "decimals": ("match_regex", lambda places: {"regex": _at_most_decimals(places)}),
    "readable": ("not_match_regex", lambda _: {"regex": UNREADABLE}),
    "unique": ("be_unique", lambda _: {}),
}


def verdict(path: Path, table: Path) -> list[tuple[str, str]]:
    """Return what a suite refuses of a parquet file: each failed expectation's type, and its column or columns.

    Raises
    ------
    OSError
        One of the files can't be read.
    """
    import great_expectations as gx  # type: ignore[import-not-found]  # in an environment of its own
    import pandas as pd

    content, frame = json.loads(path.read_text(encoding="utf-8")), pd.read_parquet(table)
    times, texts = (frame.select_dtypes(kind).columns for kind in ("datetime", "str"))
    frame = frame.astype({**dict.fromkeys(times, "datetime64[ns]"), **dict.fromkeys(texts, "object")})  # what it knows
    asset = gx.get_context(mode="ephemeral").data_sources.add_pandas("tables").add_dataframe_asset("records")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    results = batch.validate(gx.ExpectationSuite(**content)).results
    failed = [one.expectation_config for one in results if not one.success]
    return [(one.type, one.kwargs.get("column") or ", ".join(one.kwargs["column_list"])) for one in failed]


def export(argv: Sequence[str]) -> None:
    """Write the suite."""
    from integrations.contract_rules import parsed, rules_of_project
    from lifecycle.core.tables import write_json

    options = parsed("great_expectations", argv, FOLDER)
    content = suite(rules_of_project(options.as_of))
    write_json(content, options.folder / "suite.json")
    print(f"{options.folder / 'suite.json'}: {len(content['expectations'])} expectations")


if __name__ == "__main__":
    refused = verdict(Path(sys.argv[1]), Path(sys.argv[2]))
    print(json.dumps(refused))
    sys.exit(1 if refused else 0)
