"""Who releases: the person that git is set to, and the account that a CI job runs for."""

import getpass
import os

from lifecycle.core.errors import PipelineError
from lifecycle.release.registry.ledger_entry import IDENTITY, Person
from lifecycle.repository.git import git

ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BITBUCKET_STEP_TRIGGERER_UUID", "BUILD_REQUESTEDFOR")


def actor() -> str:
    """Return the account that a CI job runs for; empty where this is none."""
    return next((os.environ[name] for name in ACTORS if os.environ.get(name)), "")


def tagger() -> str:
    """Return who git says is at work, and when: `Name <address> seconds zone`.

    Raises
    ------
    PipelineError
        Git has not been told.
    """
    found = git("-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT")
    if found is None or IDENTITY.fullmatch(found.strip()) is None:
        raise PipelineError(
            "a release says who made it, and git does not know: git config user.name 'YOUR NAME', and git config"
            " user.email YOU@EXAMPLE.ORG"
        )
    return found.strip()


def person() -> Person:
    """Return who is at work.

    Raises
    ------
    PipelineError
        Git has not been told.
    """
    found = IDENTITY.fullmatch(tagger())
    return Person(found["name"], found["email"], actor()) if found else Person("", "", actor())


def person_without_git() -> Person:
    """Return who is at work, also where git can't be asked: then the account on this machine."""
    try:
        return person()
    except PipelineError:
        try:
            return Person(getpass.getuser(), "", actor())
        except (KeyError, OSError, ImportError):  # a container that was started as a number has no name
            return Person("unknown", "", actor())
