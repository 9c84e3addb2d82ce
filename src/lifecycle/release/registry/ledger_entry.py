"""One entry of the ledger: what happened, who did it, why, and on what evidence. It is the message of its tags.

The first line is a sentence for people; JSON below it is what the programs read. All tags of an entry have the same
message, so each of them tells all of it, and a tag that is missing can be made again from another one.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lifecycle.core.errors import PipelineError
from lifecycle.release.registry.tags import TagName, parse_tag
from lifecycle.release.registry.transitions import State, state_of

FORMAT = 1
REGISTER, ASK = "register", "ask"
IDENTITY = re.compile(r"(?P<name>.*) <(?P<email>.*)> (?P<at>\d+) [+-]\d{4}")


def readable(text: str) -> str:
    r"""Return text on one line, without what would steer a console.

    >>> readable("two\nlines\x1b[2J")
    'two lines [2J'
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


class Person(NamedTuple):
    """Who did something: name and address that git is set to, and the account of a CI job."""

    name: str
    email: str
    actor: str = ""

    def __str__(self) -> str:
        """Return the name, with the account of the CI job where there is one."""
        return readable(f"{self.name} (CI: {self.actor})" if self.actor else self.name)

    def is_same(self, other: "Person") -> bool:
        """Tell whether two are the same person: the same address, or the same account."""
        same_actor = bool(self.actor) and self.actor.casefold() == other.actor.casefold()
        return same_actor or self.email.casefold() == other.email.casefold()


class EntryTag(NamedTuple):
    """A tag of an entry: its name, the release that it is about, and the commit of that release."""

    tag: str
    number: str
    commit: str

    @property
    def said(self) -> TagName:
        """What the name says."""
        said = parse_tag(self.tag)
        if said is None:
            raise PipelineError(f"tag {self.tag}: none of the registry's")
        return said


@dataclass(frozen=True)
class Entry:
    """What happened to a version.

    Parameters
    ----------
    sequence : int
        1 for the first entry of an artifact.
    after : str
        Object of the entry before it: that makes the ledger a chain. Empty of the first.
    step : str
        `register`, a step of the life cycle, or `ask`.
    environment, number : str
        Of which release where; a registration has no environment.
    version : str
        Version of the bundle of the release: the first digits of its manifest's sha256.
    why : str
        In the words of who did it.
    who : Person
        That person.
    tags : tuple of EntryTag
        Its tags; the first one stands for it in the chain.
    tagger : str
        Who wrote the tags and when, as git has it; the only part that is not in the JSON.
    asked : str
        Step that `ask` asks for.
    asked_by : Person, optional
        Who has asked for the step, where `who` has approved it.
    share : float
        Of the entities, for a canary or an A/B test.
    automatic : bool
        Whether no person has asked for it.
    evidence : mapping
        Digests of the bundle's manifest and of the metrics, and what the gates found.
    """

    sequence: int
    after: str
    step: str
    environment: str
    number: str
    version: str
    why: str
    who: Person
    tags: tuple[EntryTag, ...]
    tagger: str = ""
    asked: str = ""
    asked_by: Person | None = None
    share: float = 0.0
    automatic: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        """When the tags were written, in UTC."""
        found = IDENTITY.fullmatch(self.tagger)
        return datetime.fromtimestamp(int(found["at"]) if found else 0, UTC)

    @property
    def sentence(self) -> str:
        """What happened and why, on one line."""
        return readable(f"{self.happened}: {self.why}")

    @property
    def happened(self) -> str:
        """What happened, without the reason."""
        if self.step == REGISTER:
            return f"{self.number} is registered"
        share = f" with {self.share:.0%}" if self.share else ""
        if self.step == ASK:
            return f"{self.number} in {self.environment}: {self.asked} is asked for{share}"
        entered = ", ".join(f"{tag.number} is in {tag.said.stage}" for tag in self.tags if not tag.said.leaves)
        return f"{entered}{share} ({self.step})"

    def states_after(self, states: Mapping[str, State], environment: str) -> dict[str, State]:
        """Return the states of all versions in an environment after the entry, from those before it."""
        after = dict(states)
        if self.step == REGISTER:
            after[self.number] = "registered"
        elif self.step != ASK and self.environment == environment:
            for tag in self.tags:
                state = state_of(tag.said.stage, environment)
                if state is not None and not tag.said.leaves:
                    after[tag.number] = state
        return after

    @property
    def message(self) -> str:
        """The message of the tags."""
        content = {key: value for key, value in asdict(self).items() if key != "tagger"}
        content |= {"who": self.who._asdict(), "asked_by": self.asked_by and self.asked_by._asdict()}
        content["tags"] = [tag._asdict() for tag in self.tags]
        return f"{self.sentence}\n\n{json.dumps({'format': FORMAT} | content, indent=1, ensure_ascii=False)}\n"

    def tag_object(self, tag: EntryTag) -> str:
        """Return a tag as git keeps it."""
        return f"object {tag.commit}\ntype commit\ntag {tag.tag}\ntagger {self.tagger}\n\n{self.message}"


def parse_entry(message: str, tagger: str) -> Entry | None:
    """Return the entry that a tag's message holds; None where another program has written it.

    Raises
    ------
    PipelineError
        A later version of this program has written it.
    """
    try:
        content, _ = json.JSONDecoder().raw_decode(message[message.index("\n\n{") + 2 :])
        if (written_by := content.pop("format")) != FORMAT:
            raise PipelineError(f"{message.splitlines()[0]}: format {written_by}; this program reads format {FORMAT}")
        content |= {"who": Person(**content["who"]), "tags": tuple(EntryTag(**tag) for tag in content["tags"])}
        content["asked_by"] = content["asked_by"] and Person(**content["asked_by"])
        entry = replace(Entry(**content), tagger=tagger)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return entry if entry.tags and all(parse_tag(tag.tag) for tag in entry.tags) else None
