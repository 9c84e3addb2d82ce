"""Pseudonyms of entities, by a key for each entity that can be destroyed.

The audit log names no card or customer. It has a pseudonym, HMAC-SHA256(key of the entity, entity), and digests of
values by the same key (RFC 2104). The keys are random and stand in one file outside the repository and outside the log.
Who has the file can look up an entity's records; who has the log alone can't even try all cards one by one. When an
entity's key is destroyed its records stay, as the chain needs them, and nobody can tell any more whose they were.

The file does not list entities in the clear either: it finds an entity's key by HMAC-SHA256(lookup key, entity). Lookup
keys have ids, which records name, and may be changed (`rotate`): from then on entities get new pseudonyms, and the
older ones are still found.
"""

import hashlib
import hmac
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from lifecycle.core.errors import PipelineError
from lifecycle.repository.git import top

MOST = 100_000  # entities whose keys are kept in memory
DIGITS = 32  # of a pseudonym or a digest, hexadecimal: 128 bits
PATIENCE = 5.0  # seconds for another process to finish a change
TABLES = """
CREATE TABLE IF NOT EXISTS lookup (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, secret BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS entities (token BLOB PRIMARY KEY, secret BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (count INTEGER NOT NULL);
INSERT INTO changes SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM changes);
"""


class Pseudonym(NamedTuple):
    """An entity as records name it.

    Parameters
    ----------
    text : str
        The pseudonym, 32 hexadecimal digits.
    key : str
        Id of the lookup key by which the entity's own key is found.
    secret : bytes
        The entity's own key.
    """

    text: str
    key: str
    secret: bytes

    def digest(self, values: bytes) -> str:
        """Return what tells whether values are the same, to who has the key, and nothing to others."""
        return _mac(self.secret, values).hex()[:DIGITS]


class Keyring:
    """The keys, in a file that several processes may use; for one thread at a time.

    Parameters
    ----------
    path : Path
        The file, made when it is not there, readable by its owner alone.

    Raises
    ------
    PipelineError
        It lies in a git repository, or can't be used.
    """

    def __init__(self, path: Path) -> None:
        inside = top(path.parent)
        if inside is not None:
            raise PipelineError(f"{path}: the keys must stand outside of the repository {inside}: a commit is for ever")
        self._path, self._known, self._seen = path, dict[str, Pseudonym](), -1
        try:
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            self._file = self._open()
            self._add_lookup("WHERE NOT EXISTS (SELECT 1 FROM lookup)")
        except (OSError, sqlite3.DatabaseError) as error:
            raise PipelineError(f"{path}: the keys of the audit log can't be used: {error}") from error

    def _open(self) -> sqlite3.Connection:
        file = sqlite3.connect(self._path, timeout=PATIENCE, check_same_thread=False, isolation_level=None)
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = FULL")  # no record may name a key that a power failure takes back
        file.execute("PRAGMA secure_delete = ON")
        file.executescript(f"BEGIN IMMEDIATE; {TABLES} COMMIT")
        return file

    def of(self, entities: Sequence[str]) -> list[Pseudonym]:
        """Return the pseudonyms of entities; one that is new gets a key, which is on disk then.

        An empty entity is nobody known: the text is empty too, and digests are made with the lookup key.

        Raises
        ------
        PipelineError
            The file can't be read or written.
        """
        try:
            self._follow()
            new = dict.fromkeys(entity for entity in entities if entity not in self._known)
            if new:
                self._learn(list(new))
            return [self._known[entity] for entity in entities]
        except sqlite3.DatabaseError as error:
            raise PipelineError(f"{self._path}: the keys of the audit log can't be used: {error}") from error

    def find(self, entity: str) -> list[Pseudonym]:
        """Return all pseudonyms that an entity has; none where it is unknown or erased."""
        names, tokens = zip(*((name, (_mac(lookup, entity), b"")) for name, lookup in self._lookups()), strict=True)
        found = zip(names, self._secrets(tokens), strict=True)
        return [_pseudonym(entity, name, secret) for name, secret in found if secret is not None]

    def erase(self, entity: str) -> int:
        """Destroy the keys of an entity; return how many there were.

        Raises
        ------
        PipelineError
            Another process holds the file, so the bytes could not be overwritten yet; to be tried again.
        """
        with self._transaction(told=True):
            tokens = [(_mac(lookup, entity),) for _, lookup in self._lookups()]
            count = self._file.executemany("DELETE FROM entities WHERE token = ?", tokens).rowcount
        busy = self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise PipelineError(f"{self._path}: another process reads it, so old bytes are left; erase once more")
        return count

    def rotate(self) -> str:
        """Let pseudonyms from now on be new ones; return the id of the new lookup key."""
        with self._transaction(told=True):
            return self._add_lookup()

    def close(self) -> None:
        """Give the file free."""
        self._file.close()

    def _add_lookup(self, where: str = "") -> str:
        name = secrets.token_hex(4)
        query = f"INSERT INTO lookup (id, secret) SELECT ?, ? {where}"
        self._file.execute(query, (name, secrets.token_bytes(32)))
        return name

    def _lookups(self) -> list[tuple[str, bytes]]:
        """Return the lookup keys, the newest first."""
        return self._file.execute("SELECT id, secret FROM lookup ORDER BY number DESC").fetchall()

    @contextmanager
    def _transaction(self, told: bool) -> Iterator[None]:
        """Change the file, all or nothing; `told`: all processes shall read the keys anew."""
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
            if told:
                self._file.execute("UPDATE changes SET count = count + 1")
            self._file.execute("COMMIT")
        finally:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")

    def _follow(self) -> None:
        """Forget what is in memory when keys were destroyed or changed, by whatever process."""
        (changes,) = self._file.execute("SELECT count FROM changes").fetchone()
        if changes != self._seen or len(self._known) > MOST:
            self._known = {"": Pseudonym("", *self._lookups()[0])}
            self._seen = changes

    def _learn(self, entities: Sequence[str]) -> None:
        """Read the keys of entities, and make those that there are none of."""
        name, lookup = self._lookups()[0]
        rows = [(_mac(lookup, entity), secrets.token_bytes(32)) for entity in entities]
        found = self._secrets(rows)
        if None in found:
            with self._transaction(told=False):
                self._file.executemany("INSERT OR IGNORE INTO entities VALUES (?, ?)", rows)
                found = self._secrets(rows)
        for entity, secret in zip(entities, found, strict=True):
            assert secret is not None
            self._known[entity] = _pseudonym(entity, name, secret)

    def _secrets(self, rows: Sequence[tuple[bytes, bytes]]) -> list[bytes | None]:
        """Return the keys that stand under tokens, the first of each row."""
        query = "SELECT (SELECT secret FROM entities WHERE token = ?)"
        return [self._file.execute(query, row[:1]).fetchone()[0] for row in rows]


def _pseudonym(entity: str, name: str, secret: bytes) -> Pseudonym:
    return Pseudonym(_mac(secret, entity).hex()[:DIGITS], name, secret)


def _mac(key: bytes, message: str | bytes) -> bytes:
    content = message.encode(errors="surrogatepass") if isinstance(message, str) else message
    return hmac.digest(key, content, hashlib.sha256)
