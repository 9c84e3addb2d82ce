"""Files that file managers and editors leave behind: they are nobody's data."""

from fnmatch import fnmatchcase

# What file managers and editors leave in a folder that someone has looked into: .dvcignore and .gitignore list it too.
LEFTOVERS = (".DS_Store", "._*", "Thumbs.db", "desktop.ini", "*~", ".*.sw?", ".~lock.*#")


def is_leftover(name: str) -> bool:
    """Tell whether a file of this name was left by a file manager or an editor.

    Examples
    --------
    >>> [name for name in (".DS_Store", "records.csv", "records.csv~") if is_leftover(name)]
    ['.DS_Store', 'records.csv~']
    """
    return any(fnmatchcase(name, pattern) for pattern in LEFTOVERS)
