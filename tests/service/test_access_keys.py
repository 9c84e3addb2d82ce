from hashlib import sha256
from pathlib import Path

import pytest

from lifecycle.core.errors import PipelineError
from service.access import Keys
from service.refusal import Refusal


def line(name: str, key: str) -> str:
    return f"{name}:{sha256(key.encode()).hexdigest()}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "keys"
    found.write_text("# who may ask\n\n" + line("shop", "s3cret") + line("bank", "other"))
    return found


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ({b"authorization": b"Bearer s3cret"}, "shop"),
        ({b"authorization": b"bearer  other"}, "bank"),
        ({b"x-api-key": b"other"}, "bank"),
        ({b"authorization": b"Basic abc", b"x-api-key": b"s3cret"}, "shop"),
    ],
)
def test_a_key_tells_the_client(path: Path, headers: dict[bytes, bytes], client: str) -> None:
    assert Keys(path).client(headers) == client


@pytest.mark.parametrize(
    "headers",
    [
        {}, {b"x-api-key": b""}, {b"x-api-key": b"s3cret "}, {b"authorization": b"s3cret"},
        {b"authorization": b"Bearer wrong", b"x-api-key": b"s3cret"}, {b"x-api-key": line("", "s3cret")[1:-1].encode()},
    ],
)  # fmt: skip
def test_without_a_known_key_nobody_is_served(path: Path, headers: dict[bytes, bytes]) -> None:
    with pytest.raises(Refusal) as error:
        Keys(path).client(headers)
    assert error.value.status == 401
    assert error.value.headers[0][0] == b"www-authenticate"


@pytest.mark.parametrize(
    "text", ["shop:s3cret\n", line("a", "x") + line("a", "y"), "", "# none\n", line("no good", "x")]
)
def test_a_file_that_can_not_be_meant_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_text(text)
    with pytest.raises(PipelineError) as error:
        Keys(tmp_path / "keys")
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(("content", "words"), [(b"s3cret\xff", "no text in UTF-8"), (None, "No such file")])
def test_a_file_that_can_not_be_read_is_told_and_not_quoted(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "keys").write_bytes(content)
    with pytest.raises(PipelineError, match=f"SERVE_API_KEYS=.*keys: {words}") as error:
        Keys(tmp_path / "keys")
    assert "s3cret" not in str(error.value)
