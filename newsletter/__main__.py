"""The command `newsletter`, also ``python -m newsletter``: what is set before anything is loaded."""

from __future__ import annotations

import gc

#: After so many new objects the collector looks at those; Python's own number is 700.
_NEW_OBJECTS = 50_000


def main() -> None:
    """Run the command line and leave with its exit code.

    Modules, templates and styles are made once and kept until the end. To look through them for cyclic
    garbage again and again while they are loaded, and once more at the end, took a quarter of a second.
    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    from newsletter.cli import main as command_line

    try:
        command_line()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
