"""Score a parquet file of any size by a bundle.

Reads   IN, whose columns are the model's features, as data/features/features.parquet has them; the bundle
Writes  OUT: key and time of each row where IN has them, score, probability, and alert (1: at the threshold or above)

A run that was killed goes on where it was when it is started again. OUT appears when it is complete.
"""

import argparse
import sys
from pathlib import Path

from lifecycle.model.batch.scoring import score_file
from lifecycle.model.servable import Servable
from lifecycle.stage import run

AGAIN = "stopped; the same command goes on where it was"


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Score a parquet file of any size by a bundle.")
    parser.add_argument("source", metavar="IN.parquet", type=Path, help="rows of features")
    parser.add_argument("target", metavar="OUT.parquet", type=Path, help="what to write: scores and alerts")
    parser.add_argument("--bundle", default=Path("models/bundle"), metavar="FOLDER", type=Path, help="models/bundle")
    return parser.parse_args()


def main() -> None:
    """Score."""
    given = options()
    servable = Servable.load(given.bundle)
    try:
        rows = score_file(servable, given.source, given.target)
    except KeyboardInterrupt:
        sys.exit(AGAIN)
    print(f"{given.target}: {rows:,} rows scored by {servable.name} {servable.version}")


if __name__ == "__main__":
    run(main)
