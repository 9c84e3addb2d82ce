"""The environment of this process and of those that it starts: nothing is sent home, and a name and a home are there.

Nothing here needs a library: it runs before the first one is imported.
"""

import getpass
import io
import os
import sys
from pathlib import Path

OWN = Path(".dvc/tmp")  # of the repository, for what may be lost; git and DVC leave it alone

# What stops a library from telling its makers that it is used. The first is read when ONNX Runtime is imported, which
# would write a number for this device into the home folder too. The last three are those of systems that docs name.
QUIET = {
    "ORT_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "FEAST_USAGE": "False",
}


def be_quiet() -> None:
    """Set the variables that stop telemetry, except those that the user has set.

    Matplotlib gets a folder in the repository for its list of fonts: it would write into the home folder, and read a
    matplotlibrc from there, which would change pictures.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if OWN.parent.is_dir():
        os.environ.setdefault("MPLCONFIGDIR", str((OWN / "matplotlib").resolve()))


def fill_in() -> None:
    """Make up for what a process may lack in a container.

    One that was started as a number has no name and no home, and DVC asks for both when it opens a repository. A
    console that lacks a character shows a question mark for it.
    """
    try:
        getpass.getuser()
    except (ImportError, KeyError, OSError):
        os.environ["LOGNAME"] = str(os.getuid()) if hasattr(os, "getuid") else "user"
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = str(OWN.resolve())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
