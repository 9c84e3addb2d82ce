"""The bill of materials of the service: what its lock pins, with hashes and licences, in CycloneDX 1.6.

    make sbom

Reads   requirements-serve.lock, and the licences that its packages name where they are installed here
Writes  report/sbom.cdx.json, report/licences.csv
"""

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError, run

LOCK = Path("requirements-serve.lock")
BILL, LICENCES = Path("report/sbom.cdx.json"), Path("report/licences.csv")
UNKNOWN = "unknown: not installed here"  # a package that only another Python or system needs


def licence(package: str) -> str:
    """Return the licence that a package names: its expression, else its words, else its classifiers.

    Examples
    --------
    >>> licence("msgspec")
    'BSD-3-Clause'
    """
    try:
        found = metadata(package)
    except PackageNotFoundError:
        return UNKNOWN
    expression, words, classes = (found.get_all(key) or [] for key in ("License-Expression", "License", "Classifier"))
    words = [each.strip() for each in words if each.strip() and "\n" not in each]  # not the whole text of the licence
    classes = [each.rpartition(" :: ")[2] for each in classes if each.startswith("License ::")]
    named = " and ".join(expression or words or classes)
    if not named:
        raise PipelineError(f"{package}: its metadata name no licence; look it up, and say so to its makers")
    return named


def with_licences(bill: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bill with the licence of each component, and without the lines of the lock in its descriptions."""
    components = []
    for each in bill["components"]:
        named, kept = licence(each["name"]), {key: value for key, value in each.items() if key != "description"}
        identifier = re.fullmatch(r"[A-Za-z0-9.+-]+( (AND|OR) [A-Za-z0-9.+-]+)*", named)
        entry = {"expression": named} if identifier else {"license": {"name": named}}
        components.append(kept | ({} if named == UNKNOWN else {"licenses": [entry]}))
    return {**bill, "components": components}


def licence_table(bill: Mapping[str, Any]) -> str:
    """Return package, version and licence of each component as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["package", "version", "licence"])
    writer.writerows([each["name"], each["version"], licence(each["name"])] for each in bill["components"])
    return text.getvalue()


def main() -> None:
    """Write both files."""
    program = shutil.which("cyclonedx-py", path=".tools/bin") or shutil.which("cyclonedx-py")
    if program is None:
        raise PipelineError("cyclonedx-py is not installed: make tools")
    command = [program, "requirements", str(LOCK), "--of", "JSON", "--output-reproducible"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(f"cyclonedx-py: {done.stderr.strip()}")
    bill = json.loads(done.stdout)
    for path, text in ((BILL, json.dumps(with_licences(bill), indent=1) + "\n"), (LICENCES, licence_table(bill))):
        with atomic(path) as file:
            file.write_text(text, encoding="utf-8")
    print(f"{BILL}, {LICENCES}: {len(bill['components'])} packages")


if __name__ == "__main__":
    run(main)
