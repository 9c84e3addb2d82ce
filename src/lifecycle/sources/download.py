"""Download a file: with progress, resumed where it broke off, and only accepted with the right hash."""

import hashlib
import http.client
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tqdm import tqdm

from lifecycle.core.errors import PipelineError
from lifecycle.core.url_secrets import LEFT_OUT, public

CHUNK = 1 << 20
TIMEOUT = 60  # seconds without a byte


def download(url: str, sha256: str, target: Path) -> None:
    """Fetch `url` to `target`, unless it is there already.

    What arrived before an interruption is kept beside the target (`.part`) and the rest is asked for. The target
    appears only when its SHA-256 is right; a wrong file is removed.

    Raises
    ------
    PipelineError
        The address is not http(s), the server does not deliver, or the hash is wrong.
    """
    address, *query = re.split("[?#]", url, maxsplit=1)  # there may be blanks in it
    shown = public(address) + (f"?{LEFT_OUT}" if query else "")
    if not _is_web_address(url):
        raise PipelineError(
            f"ingest.url = {shown!r}: only http and https addresses can be downloaded; use ingest.path for a file"
        )
    if target.is_file() and _sha256(target) == sha256.lower():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        _fetch(url, part)
    except urllib.error.HTTPError as error:
        raise PipelineError(f"ingest.url: {shown}: {error}") from error
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise PipelineError(f"ingest.url: {shown}: {_said(error, url)}; run it again to resume") from error
    found = _sha256(part)
    if found != sha256.lower():
        part.unlink()
        raise PipelineError(
            f"ingest.url: {shown}: sha256 is {found}, but params.yaml expects {sha256}; nothing was kept"
        )
    part.replace(target)


def _said(error: Exception, url: str) -> str:
    """Return an error's text, which may repeat a part of the address, without what may not be shown of that."""
    secrets = [part for part in (urlsplit(url).query, urlsplit(url).netloc.rpartition("@")[0]) if part]
    said = public(str(error))
    for secret in secrets:
        said = said.replace(secret, LEFT_OUT)
    return said


def _is_web_address(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("http", "https")
    except ValueError:  # a broken host
        return False


def _fetch(url: str, part: Path) -> None:
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send: the part is whole, its hash will tell
            return
        raise
    with response:
        resumed = response.status == 206
        if not resumed:
            have = 0
        _save(response, part, have, "ab" if resumed else "wb")


def _save(response: Any, part: Path, have: int, mode: str) -> None:
    length = response.headers.get("Content-Length")
    total = None if length is None else have + int(length)
    bar = tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=part.stem, disable=None)
    with bar, part.open(mode) as file:
        while chunk := response.read(CHUNK):
            file.write(chunk)
            bar.update(len(chunk))
    if total is not None and part.stat().st_size < total:
        raise OSError(f"the connection broke off at {part.stat().st_size:,} of {total:,} bytes")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
