"""Print what an offline run of Weights & Biases holds, as JSON. Run by wandb's environment: it needs its messages.

The file is a log of LevelDB behind a header of its own: blocks of 32 kB, whose records begin with a checksum, a length
and a type (1 whole, 2 first, 3 middle, 4 last), https://github.com/google/leveldb/blob/main/doc/log_format.md
"""

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from wandb.proto.wandb_internal_pb2 import Record

BLOCK, OWN, HEADER = 32_768, 7, 7


def records(content: bytes) -> Iterator[Record]:
    place, parts = OWN, b""
    while place + HEADER <= len(content):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        parts += content[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (1, 4):
            yield Record.FromString(parts)
            parts = b""


found = {"config": {}, "summary": {}, "artifacts": {}}
for record in records(Path(sys.argv[1]).read_bytes()):
    kind = record.WhichOneof("record_type")
    if kind == "run":
        found["id"] = record.run.run_id
        found["config"] |= {one.key: json.loads(one.value_json) for one in record.run.config.update}
    elif kind == "history":
        found["summary"] |= {
            one.key or ".".join(one.nested_key): json.loads(one.value_json) for one in record.history.item
        }
    elif kind == "artifact":
        found["artifacts"][record.artifact.name] = sorted(one.path for one in record.artifact.manifest.contents)
    elif kind == "request" and record.request.HasField("log_artifact"):
        artifact = record.request.log_artifact.artifact
        found["artifacts"][artifact.name] = sorted(one.path for one in artifact.manifest.contents)
print(json.dumps(found))
