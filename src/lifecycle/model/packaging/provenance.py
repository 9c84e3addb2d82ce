"""Where a bundle comes from, as an in-toto statement with SLSA provenance.

https://in-toto.io/Statement/v1, https://slsa.dev/provenance/v1. It holds no time and no machine: the same inputs have
the same provenance. Who signs it adds those.
"""

from collections.abc import Mapping
from typing import Any

BUILD_TYPE = "https://dvc.org/doc/user-guide/pipelines/defining-pipelines"
BUILDER = "https://dvc.org/doc/command-reference/repro"


def statement(origin: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the statement.

    Parameters
    ----------
    origin : mapping
        The fields of `lifecycle.model.packaging.origin.Origin`.
    files : mapping of str to mapping
        By name the `sha256` of each file that was made.
    """
    made_from = {path: md5 for kind in ("data", "code", "lock") for path, md5 in origin[kind].items()}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": file["sha256"]}} for name, file in files.items()],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"target": "package", "problem": origin["problem"], "params": origin["params"]},
                "internalParameters": {"versions": origin["versions"]},
                "resolvedDependencies": [{"name": path, "digest": {"md5": md5}} for path, md5 in made_from.items()],
            },
            "runDetails": {"builder": {"id": BUILDER}},
        },
    }
