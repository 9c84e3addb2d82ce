"""What makes a rename last; without pandas, as services need it too."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Have the names in a folder outlive a power failure; Windows has no word for that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
