"""What docs/remotes.md says of each kind of remote, tried on a small repository."""

import getpass
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs import blocks
from tests.graph import ROOT

CACHE = Path(".dvc/cache/files/md5")
NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
SSHD = shutil.which("sshd", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"]))
CONTENT = {"records.csv": b"a,b\n1,2\n", "bundle/model": b"\x00\x01", "bundle/notes.txt": "naïve\r\n".encode()}


def dvc(*words, fails=False):
    done = subprocess.run([sys.executable, "-m", "dvc", *words], check=False, capture_output=True, text=True)
    assert bool(done.returncode) == fails, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        dvc("init", "--no-scm", "--quiet")
        for name, content in CONTENT.items():
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_bytes(content)
        dvc("add", "--quiet", "records.csv", "bundle")
    return folder


@pytest.fixture
def repository(original, tmp_path, monkeypatch):
    shutil.copytree(original, tmp_path / "repository")
    monkeypatch.chdir(tmp_path / "repository")


def use(url, **options):
    """Write what `dvc remote add --default` and `dvc remote modify` write; options as in a local configuration."""
    lines = ["['remote \"store\"']", f"url = {url}", "[core]", "remote = store"]
    Path(".dvc/config").write_text("\n".join([*lines, "no_scm = true", ""]))
    local = [f"{key} = {value}" for key, value in options.items()]
    Path(".dvc/config.local").write_text("\n".join([lines[0], *local, ""]))


def lose():
    """Leave only what git would hold."""
    for folder in (CACHE, Path("bundle")):
        shutil.rmtree(folder)
    Path("records.csv").unlink()


def there_and_back():
    assert "pushed" in dvc("push")
    lose()
    dvc("pull")
    assert {name: Path(name).read_bytes() for name in CONTENT} == CONTENT
    assert "in sync" in dvc("status", "--cloud")


def objects(folder):
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".dir"]


def spoil(folder):
    for path in objects(folder):
        path.chmod(0o600)
        path.write_bytes(b"X" * path.stat().st_size)
        path.chmod(0o444)


COMMANDS = """
import shlex, sys
from pathlib import Path
from dvc.cli import main
for block in sys.stdin.read().split("---"):
    for name in ("config", "config.local"):
        Path(".dvc", name).write_text("")
    for line in filter(None, block.splitlines()):
        assert main(shlex.split(line)[1:]) == 0, line
    print(Path(".dvc/config").read_text())
"""


def test_dvc_takes_every_command_of_the_page_and_no_secret_is_committed(repository):
    parts = [block.text for block in blocks(ROOT / "docs/remotes.md") if block.text.startswith("dvc remote add")]
    command = [sys.executable, "-c", COMMANDS]
    written = subprocess.run(command, check=True, input="---".join(parts), stdout=subprocess.PIPE, text=True).stdout
    assert written.count("    url = ") == written.count("verify = true") == len(parts) == 7
    assert not re.search("key|password|secret|credential|connection", written)


@pytest.mark.slow
def test_folder_there_and_back(repository):
    use("../../store")
    there_and_back()


@pytest.mark.slow
def test_without_verify_a_corrupt_object_is_handed_out_and_called_up_to_date(repository):
    use("../../store")
    dvc("push")
    lose()
    spoil(Path("../store"))
    dvc("pull")
    assert Path("records.csv").read_bytes() == b"X" * 8
    assert "up to date" in dvc("status")


@pytest.mark.slow
def test_with_verify_a_corrupt_object_is_refused(repository):
    use("../../store", verify="true")
    dvc("push")
    lose()
    spoil(Path("../store"))
    assert "failed to pull" in dvc("pull", fails=True)
    assert not any(Path(name).exists() for name in CONTENT)


@pytest.mark.slow
def test_push_overlooks_a_lost_file_until_the_list_of_its_folder_is_gone_too(repository):
    use("../../store")
    dvc("push")
    (member,) = (path for path in objects(Path("../store")) if path.read_bytes() == CONTENT["bundle/model"])
    member.unlink()
    assert "up to date" in dvc("push")
    (listing,) = Path("../store").rglob("*.dir")
    listing.unlink()
    assert "2 files pushed" in dvc("push")
    assert member.exists()


@contextmanager
def server(port, *command):
    """Run a server until the block ends; the block starts when it answers."""
    with Path("../server.log").open("w+") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            deadline = time.monotonic() + 30
            while not answers(port):
                log.seek(0)
                assert process.poll() is None, f"{command[0]} ended: {log.read()}"
                assert time.monotonic() < deadline, f"{command[0]} does not answer: {log.read()}"
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def answers(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def needs(install, *modules):
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=install)


@pytest.fixture
def ssh(tmp_path, port):
    """Start an OpenSSH server that lets this user in with a new key and nobody else, on loopback."""
    for name in ("host_key", "client_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    settings = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": tmp_path / "host_key",
        "AuthorizedKeysFile": tmp_path / "client_key.pub",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "Subsystem": "sftp internal-sftp",
    }
    (tmp_path / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    with server(port, SSHD, "-D", "-e", "-f", tmp_path / "sshd_config"):
        yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/store"


has_ssh = pytest.mark.skipif(
    SSHD is None or (os.geteuid() == 0 and not Path("/run/sshd").is_dir()) if hasattr(os, "geteuid") else True,
    reason="apt-get install openssh-server; as root also mkdir -p /run/sshd",
)


@pytest.mark.slow
@has_ssh
@needs("pip install dvc-ssh", "dvc_ssh")
def test_ssh_there_and_back(repository, ssh, tmp_path):
    use(ssh, keyfile=tmp_path / "client_key")
    there_and_back()
    assert len(objects(tmp_path / "store")) == len(CONTENT)


@pytest.mark.slow
@has_ssh
@needs("pip install dvc-ssh", "dvc_ssh")
def test_ssh_with_verify_refuses_a_corrupt_object(repository, ssh, tmp_path):
    use(ssh, keyfile=tmp_path / "client_key", verify="true")
    dvc("push")
    lose()
    spoil(tmp_path / "store")
    assert "failed to pull" in dvc("pull", fails=True)


@pytest.mark.slow
@needs("pip install dvc-s3 moto[server]", "dvc_s3", "moto")
def test_s3_there_and_back_against_an_imitation(repository, port, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    address = f"http://127.0.0.1:{port}"
    with server(port, sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)):
        importlib.import_module("boto3").client("s3", endpoint_url=address).create_bucket(Bucket="bucket")
        use("s3://bucket/store", endpointurl=address)
        there_and_back()


@pytest.mark.slow
@pytest.mark.skipif(NGINX is None, reason="apt-get install nginx-light")
def test_http_there_and_back(repository, port, tmp_path):
    places = " ".join(f"{kind}_temp_path t;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    site = f"listen 127.0.0.1:{port}; root served; dav_methods PUT; create_full_put_path on;"
    web = f"access_log off; {places} server {{ {site} }}"
    main = f"daemon off; master_process off; pid pid; error_log stderr; events {{}} http {{ {web} }}"
    (tmp_path / "nginx.conf").write_text(main)
    (tmp_path / "served").mkdir()
    tmp_path.chmod(0o755)
    with server(port, NGINX, "-p", tmp_path, "-c", "nginx.conf", "-e", "stderr"):
        use(f"http://127.0.0.1:{port}/store", method="PUT")
        there_and_back()
