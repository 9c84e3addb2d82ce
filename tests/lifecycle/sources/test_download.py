import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.sources.download import download

BODY = bytes(range(256)) * 20_000  # 5 MB: several chunks
SHA256 = hashlib.sha256(BODY).hexdigest()
HALF = len(BODY) // 2


class Server(ThreadingHTTPServer):
    """A server of one file; `broken` replies end early, `ranges` says whether parts are served."""

    broken, ranges = 0, True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []

    def url(self, path="records.csv"):
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if "missing" in self.path:
            self.send_error(404)
        elif "chunked" in self.path:
            self.reply(200, b"%x\r\n" % len(BODY) + BODY[:HALF], {"Transfer-Encoding": "chunked"})
            self.hang_up()
        elif "garbage" in self.path:
            self.wfile.write(b"this is no HTTP\r\n\r\n")
            self.close_connection = True
        else:
            self.send_file(int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0)

    def send_file(self, start):
        if start and start >= len(BODY):
            self.reply(416, b"", {"Content-Range": f"bytes */{len(BODY)}", "Content-Length": "0"})
            return
        part = BODY[start:]
        headers = {"Content-Range": f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"} if start else {}
        broken, self.server.broken = self.server.broken > 0, self.server.broken - 1
        self.reply(206 if start else 200, part[:HALF] if broken else part, headers | {"Content-Length": str(len(part))})
        if broken:
            self.hang_up()

    def reply(self, status, content, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def hang_up(self):
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        self.close_connection = True


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server():
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "downloads" / "records.csv"


def names_beside(target):
    return [path.name for path in target.parent.glob("*")]


def refusal(url, target, sha256=SHA256):
    with pytest.raises(PipelineError) as refused:
        download(url, sha256, target)
    return str(refused.value)


@pytest.mark.parametrize("sha256", [SHA256, SHA256.upper()])
def test_file_with_the_right_hash_arrives_whole_and_alone(server, target, sha256):
    download(server.url(), sha256, target)
    assert target.read_bytes() == BODY
    assert names_beside(target) == ["records.csv"]


def test_file_that_is_there_is_not_asked_for_again(server, target):
    for sha256 in (SHA256, SHA256, SHA256.upper()):
        download(server.url(), sha256, target)
    assert server.asked == [None]


def test_file_that_is_there_with_another_hash_is_replaced(server, target):
    target.parent.mkdir()
    target.write_bytes(b"an older release")
    download(server.url(), SHA256, target)
    assert target.read_bytes() == BODY


def test_wrong_hash_is_told_with_both_hashes_and_nothing_is_kept(server, target):
    message = refusal(server.url(), target, "0" * 64)
    assert server.url() in message
    assert f"sha256 is {SHA256}, but params.yaml expects {'0' * 64}" in message
    assert names_beside(target) == []


def test_wrong_hash_leaves_the_earlier_file_in_place(server, target):
    target.parent.mkdir()
    target.write_bytes(b"an older release")
    refusal(server.url(), target, "0" * 64)
    assert target.read_bytes() == b"an older release"


def test_broken_download_says_how_far_it_came_and_goes_on_from_there(server, target):
    server.broken = 1
    assert f"broke off at {HALF:,} of {len(BODY):,} bytes; run it again to resume" in refusal(server.url(), target)
    assert names_beside(target) == ["records.csv.part"]
    download(server.url(), SHA256, target)
    assert server.asked == [None, f"bytes={HALF}-"]
    assert target.read_bytes() == BODY
    assert names_beside(target) == ["records.csv"]


def test_server_without_ranges_sends_all_of_it_again(server, target):
    server.broken, server.ranges = 1, False
    refusal(server.url(), target)
    download(server.url(), SHA256, target)
    assert server.asked == [None, f"bytes={HALF}-"]
    assert target.read_bytes() == BODY


@pytest.mark.parametrize(("part", "arrives"), [(BODY, True), (BODY + b"more", False), (b"\1" + BODY[1:HALF], False)])
def test_part_that_lay_there_counts_only_with_the_right_hash(server, target, part, arrives):
    target.parent.mkdir()
    target.with_name("records.csv.part").write_bytes(part)
    if not arrives:
        assert "nothing was kept" in refusal(server.url(), target)
        assert names_beside(target) == []
    download(server.url(), SHA256, target)  # so the second run succeeds
    assert target.read_bytes() == BODY


def test_missing_page_is_told_with_its_address_and_no_advice_to_resume(server, target):
    message = refusal(server.url("missing.csv"), target)
    assert message.startswith(f"ingest.url: {server.url('missing.csv')}: HTTP Error 404")
    assert "resume" not in message
    assert names_beside(target) == []


@pytest.mark.parametrize("path", ["chunked.csv", "garbage.csv", "a name with blanks.csv"])
def test_what_no_server_should_say_and_no_address_be_is_told_in_words(server, target, path):
    assert f"ingest.url: {server.url(path)}: " in refusal(server.url(path), target)
    assert not target.exists()


def test_server_that_is_not_there_is_told_in_words(target):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/records.csv"
        assert f"ingest.url: {url}: " in refusal(url, target)


@pytest.mark.parametrize("url", ["ftp://example.org/a.csv", "file:///etc/hosts", "data/a.csv", "", "http://[::1/a.csv"])
def test_address_that_cannot_be_downloaded_is_refused_by_its_key(target, url):
    assert refusal(url, target).startswith("ingest.url")
    assert not target.parent.exists()


@pytest.mark.parametrize("path", ["missing.csv", "records.csv", "chunked.csv", "garbage.csv", "a b.csv"])
def test_no_message_shows_a_signature(server, target, path):
    url = server.url(f"{path}?sig=5ecret&x=a b" if " " in path else f"{path}?sig=5ecret").replace("//", "//me:5ecret@")
    message = refusal(url, target, "0" * 64)
    assert "5ecret" not in message
    assert path in message


@pytest.mark.parametrize(
    "url", ["ftp://me:5ecret@host/a.csv?5ecret", "https://[host/a.csv?5ecret", "https://127.0.0.1:1/a?5ecret"]
)
def test_no_message_on_a_wrong_address_shows_a_signature(target, url):
    assert "5ecret" not in refusal(url, target)
