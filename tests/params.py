"""The params of the tests of the machinery: those of the worked problem, whatever the project's own are by now.

`tests/params.yaml` holds them. A key or a block that the project's `params.yaml` has beyond them is taken from there.
"""

import re
from typing import Any

import yaml

from tests.graph import ROOT

OPEN = {"train"}  # a block with the keys of one model family


def params_text() -> str:
    """Return the text of the tests' params.yaml, with comments."""
    text = (ROOT / "tests/params.yaml").read_text(encoding="utf-8")
    own = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    return with_new_keys(text, own)


def with_new_keys(text: str, own: dict[str, Any]) -> str:
    """Add the keys and blocks of `own` that a text does not have."""
    content = yaml.safe_load(text)
    for name, block in own.items():
        if name not in content:
            text += "\n" + yaml.safe_dump({name: block}, sort_keys=False)
        elif isinstance(block, dict) and name not in OPEN:
            new = {key: value for key, value in block.items() if key not in content[name]}
            lines = "".join(f"  {line}\n" for line in yaml.safe_dump(new, sort_keys=False).splitlines() if new)
            text = re.sub(rf"^{name}:.*\n", lambda head, lines=lines: head[0] + lines, text, flags=re.MULTILINE)
    return text


def params_content() -> dict[str, Any]:
    """Return the tests' params, without the blocks of stages that declare their own."""
    from lifecycle.core.params import Params  # `python -m tests.mutations` has no src/ on its path

    declared = {field.alias or name for name, field in Params.model_fields.items()}
    return {name: block for name, block in yaml.safe_load(params_text()).items() if name in declared}
