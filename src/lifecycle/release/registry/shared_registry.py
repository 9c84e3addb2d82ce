"""The registry that several clones share: a remote of git, whose head decides who was first.

`push` hands over the head and all new tags in one atomic push, under the condition that the remote's head is what was
fetched. Where it is not, the new entry is taken back here: what the remote has, wins. What a remote had is kept below
`refs/release-of/REMOTE/`, so a fetch overwrites no tag of this clone before it is known what was never pushed.
"""

from lifecycle.core.errors import PipelineError
from lifecycle.core.url_secrets import public
from lifecycle.release.registry.ledger import SEEN, Ledger, complete, head_of, read_ledger, transaction
from lifecycle.release.registry.tags import patterns
from lifecycle.repository.git import Answer, answer_of, git


def fetch(artifact: str, remote: str) -> tuple[Ledger, list[str]]:
    """Return the ledger with all that a remote has of it, and in words what was taken back here for that.

    Raises
    ------
    PipelineError
        There is no such remote, it does not answer, or two registries have grown apart.
    """
    before = _here(artifact)
    if git("remote", "get-url", remote) is None:
        raise PipelineError(f"there is no git remote {remote}: git remote add {remote} ADDRESS")
    head = _fetch_refs(artifact, remote)
    if not head:
        return read_ledger(artifact), []
    theirs = read_ledger(artifact, head)
    lost = [entry for name, entry in zip(before.objects, before.entries, strict=True) if name not in theirs.objects]
    if len(lost) > 1:
        raise PipelineError(
            f"{len(lost)} entries of this clone were never pushed, and {remote} has others from entry"
            f" {lost[0].sequence} on: keep one side; `git tag -d` removes a tag here"
        )
    complete(theirs, [tag.tag for entry in lost for tag in entry.tags if tag.tag in theirs.strays])
    told = [f"taken back, it was never pushed and somebody was faster: {entry.sentence}" for entry in lost]
    return read_ledger(artifact), told


def _here(artifact: str) -> Ledger:
    try:
        return read_ledger(artifact)
    except PipelineError:  # a tag is missing here, and the remote may have it
        return Ledger(artifact)


def _fetch_refs(artifact: str, remote: str) -> str:
    """Fetch a remote's head and tags, and return the head; empty where it has none."""
    refs = [f"+{pattern}:{_seen(pattern, remote)}" for pattern in patterns(artifact)]
    head, seen = head_of(artifact), _seen(head_of(artifact), remote)
    if _remote_head(artifact, remote):
        refs.append(f"+{head}:{seen}")
    else:
        git("update-ref", "-d", seen)
    _must(remote, answer_of("fetch", "--quiet", "--no-tags", "--prune", remote, *refs))
    return (git("rev-parse", "--verify", "--quiet", seen) or "").strip()


def _seen(ref: str, remote: str) -> str:
    return ref.replace("refs/", f"{SEEN}/{remote}/", 1)


def _remote_head(artifact: str, remote: str) -> str:
    """Return the head that a remote has now; empty where it has none."""
    answer = answer_of("ls-remote", remote, head_of(artifact))
    _must(remote, answer)
    return answer.printed.split()[0] if answer.printed else ""


def _must(remote: str, answer: Answer) -> None:
    if answer.status:
        reason = public(" ".join(answer.complaint.split())) or "no answer"
        raise PipelineError(f"the remote {remote} can't be reached: {reason}")


def push(ledger: Ledger, remote: str, appended: int = 0) -> int:
    """Hand all entries that a remote lacks over to it, all or none; return how many these were.

    Parameters
    ----------
    ledger : Ledger
        Fetched from the remote, with entries that were appended since.
    remote : str
        The name of the remote.
    appended : int
        Entries at its end that are taken back when the remote does not take them.

    Raises
    ------
    PipelineError
        Somebody was faster, the remote takes nothing, or it no longer answers: then the entries stay here, for `sync`.
    """
    own = head_of(ledger.artifact)
    before = (git("rev-parse", "--verify", "--quiet", _seen(own, remote)) or "").strip()
    new = ledger.entries[ledger.objects.index(before) + 1 if before in ledger.objects else 0 :]
    if not new:
        return 0
    if before and before not in ledger.objects:  # another process of this clone has seen more than this ledger holds
        answer = Answer(1, "", "it has gone on")
    else:
        tags = [f"refs/tags/{tag.tag}" for entry in new for tag in entry.tags]
        lease = f"--force-with-lease={own}:{before}"  # a plus before a ref would push it whatever the lease says
        answer = answer_of("push", "--quiet", "--atomic", lease, remote, f"{ledger.tip}:{own}", *tags)
    if answer.status and ledger.tip not in _entries_of(ledger.artifact, remote):  # its answer may have been lost
        if appended:
            take_back(ledger, appended)
        raise PipelineError(_reason(ledger, remote, before, answer))
    if not answer.status:
        git("update-ref", _seen(own, remote), ledger.tip)
    return len(new)


def _entries_of(artifact: str, remote: str) -> tuple[str, ...]:
    """Return the objects of the entries that a remote has now."""
    head = _fetch_refs(artifact, remote)
    objects = read_ledger(artifact, head).objects
    return objects[: objects.index(head) + 1] if head in objects else ()


def take_back(ledger: Ledger, count: int) -> None:
    """Remove the last entries of a ledger, with their tags.

    Raises
    ------
    PipelineError
        Git can't.
    """
    own, kept = head_of(ledger.artifact), ledger.objects[:-count]
    head = f"update {own} {kept[-1]} {ledger.tip}" if kept else f"delete {own} {ledger.tip}"
    tags = [f"delete refs/tags/{tag.tag}" for entry in ledger.entries[-count:] for tag in entry.tags]
    if complaint := transaction([head, *tags]):
        raise PipelineError(f"not pushed, and git can't take the tags back: {complaint}; `release sync` tries again")


def _reason(ledger: Ledger, remote: str, before: str, answer: Answer) -> str:
    """Return in words why a push was refused: who was faster, or what the remote complains of."""
    complaint = public(" ".join(answer.complaint.split()))
    fetched, _ = fetch(ledger.artifact, remote)
    if fetched.tip == before:
        return f"{remote} has not taken the tags, so nothing has changed: {complaint}"
    others = [entry for name, entry in zip(fetched.objects, fetched.entries, strict=True) if name not in ledger.objects]
    winners = "; ".join(f"{entry.who} has written '{entry.sentence}'" for entry in others)
    return f"somebody was faster: {winners or complaint}; look at `release status`, and decide anew"
