"""`make crash`: a thousand kills and more, and the table of what came of them.

Usage: run.py [--kills N] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: Ten kills for each seed, on two databases and with two providers.
KILLS_PER_SEED = 40


def main() -> int:
    """Run the campaigns; the exit code of pytest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = Path(folder) / "tally"
        more = {
            "CRASH_CAMPAIGNS": str(-(-options.kills // KILLS_PER_SEED)),
            "CRASH_SEED": str(options.seed),
            "CRASH_TALLY": str(tally),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", str(HERE / "test_kills.py")]
        code = subprocess.run(command, env={**os.environ, **more}, check=False).returncode
        report([json.loads(line) for line in tally.read_text(encoding="utf-8").splitlines()])
    return code


def report(tallies: list[dict[str, object]]) -> None:
    """Print what came of the kills: by where they were, and by the moment."""
    rows = ("lost", "doubled", "false_doubt")
    places: dict[str, Counter[str]] = {}
    moments: dict[str, Counter[str]] = {}
    for tally in tallies:
        place = places.setdefault(tally["where"], Counter())
        place.update({name: len(tally[name]) for name in rows})
        place.update(kills=len(tally["kills"]), dispatches=tally["dispatches"], uncertain=tally["uncertain"])
        for kill in tally["kills"]:
            count = Counter(kills=1, uncertain=len(kill["in_flight"]), arrived=len(kill["arrived"]))
            moments.setdefault(kill["moment"], Counter()).update(count)
            place["arrived"] += len(kill["arrived"])
    columns = ("dispatches", "kills", "lost", "doubled", "uncertain", "arrived", "false_doubt")
    _table("where", columns, places)
    _table("moment of the kill", ("kills", "uncertain", "arrived"), moments)
    print(
        "\narrived: of the uncertain, those who got the message after all; false_doubt: named, but not in flight"
    )


def _table(first: str, columns: tuple[str, ...], rows: dict[str, Counter[str]]) -> None:
    rows = dict(sorted(rows.items()))
    rows["all"] = sum(rows.values(), Counter())
    print()
    print(f"{first:22}" + "".join(f"{name:>13}" for name in columns))
    for name, counts in rows.items():
        print(f"{name:22}" + "".join(f"{counts[column]:>13,}" for column in columns))


if __name__ == "__main__":
    sys.exit(main())
