import sqlite3
import stat
import subprocess
from pathlib import Path

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.release.audit.pseudonyms import Keyring


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "keys.sqlite"


def test_an_entity_keeps_its_pseudonym_and_no_other_has_it(path) -> None:
    ring = Keyring(path)
    one, other, again = ring.of(["4", "5", "4"])
    assert one == again
    assert one.text != other.text
    ring.close()
    assert Keyring(path).of(["4"]) == [one]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_pseudonym_is_an_hmac_by_the_entity_s_own_key(path) -> None:
    import hashlib
    import hmac

    (name,) = Keyring(path).of(["4"])
    assert name.text == hmac.new(name.secret, b"4", hashlib.sha256).hexdigest()[:32]
    assert name.digest(b"values") == hmac.new(name.secret, b"values", hashlib.sha256).hexdigest()[:32]
    (stored,) = sqlite3.connect(path).execute("SELECT secret FROM entities").fetchone()
    assert stored == name.secret


def test_two_files_of_keys_know_nothing_of_each_other(path, tmp_path) -> None:
    assert Keyring(path).of(["4"])[0].text != Keyring(tmp_path / "others").of(["4"])[0].text


def test_nobody_has_no_pseudonym_and_digests_all_the_same(path) -> None:
    nobody, somebody = Keyring(path).of(["", "4"])
    assert nobody.text == ""
    assert nobody.digest(b"values") != somebody.digest(b"values")


def test_an_erased_entity_can_not_be_linked_and_gets_another_pseudonym(path) -> None:
    ring, service = Keyring(path), Keyring(path)
    (before,), (other,) = service.of(["4"]), service.of(["5"])
    assert ring.find("4") == [before]
    assert ring.erase("4") == 1
    assert ring.find("4") == []
    assert ring.erase("4") == 0
    (after,) = service.of(["4"])  # a process that still had the old key in memory
    assert after.text != before.text
    assert after.secret != before.secret
    assert service.of(["5"]) == [other]


def test_no_file_holds_a_key_that_was_destroyed(path) -> None:
    ring = Keyring(path)
    names = ring.of([str(number) for number in range(50)])
    ring.erase("7")
    content = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert names[7].secret not in content
    assert names[8].secret in content


def test_with_a_new_lookup_key_the_old_pseudonyms_are_still_found(path) -> None:
    ring, service = Keyring(path), Keyring(path)
    (before,) = service.of(["4"])
    name = ring.rotate()
    (after,) = service.of(["4"])
    assert (after.key, before.key) == (name, before.key)
    assert after.text != before.text
    assert ring.find("4") == [after, before]
    assert ring.erase("4") == 2


def test_any_text_is_an_entity(path) -> None:
    assert len({name.text for name in Keyring(path).of(["", "\ud800", "\udc80", "é", "e", "x" * 10_000])}) == 6


def test_two_processes_give_a_new_entity_one_pseudonym(path) -> None:
    first, second = Keyring(path), Keyring(path)
    assert first.of(["4", "5"]) == second.of(["4", "5"])


def test_keys_in_a_repository_are_refused(tmp_path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "deep").mkdir()
    with pytest.raises(PipelineError, match="the keys must stand outside of the repository"):
        Keyring(tmp_path / "deep/keys")
    assert not (tmp_path / "deep/keys").exists()


def test_a_file_that_holds_no_keys_is_refused_and_left_alone(path) -> None:
    path.write_text("something else, and quite a lot of it" * 40)
    with pytest.raises(PipelineError, match="the keys of the audit log can't be used: file is not a database"):
        Keyring(path)
    assert path.read_text().startswith("something else")
    with pytest.raises(PipelineError, match="No such file or directory"):
        Keyring(path.parent / "nowhere/keys")
