"""Where an address still stands after its owner was erased: in files that are for people to change."""

from __future__ import annotations

import mmap
import os
import re
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.cli import output
from subscribers.database_url import sqlite_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.config import Publication

#: So many places are told one by one.
_TOLD = 20
# A file in which a NUL stands so near its beginning has no lines; Git sees it the same way.
_LOOK_FOR_NUL = 8_000
_TABLES_BESIDE = ("", "-wal", "-shm", "-journal")
_NOT_OURS = frozenset({"node_modules", "__pycache__"})


def tell_remaining(publication: Publication, address: str) -> None:
    """Warn of each place in the publication's folder, outbox and reports that still names *address*."""
    places = list(remaining(publication, address))
    if not places:
        return
    for path, line in islice(places, _TOLD):
        output.warn(f"{path}{f':{line}' if line else ''}: {address} still stands here")
    if len(places) > _TOLD:
        output.warn(f"and in {output.plural(len(places) - _TOLD, 'more place')}")
    output.say("files are yours to change: take the address out, or delete what you no longer need")


def remaining(publication: Publication, address: str) -> Iterator[tuple[Path, int]]:
    """Each file, and line counted from 1, that names *address* in whatever case; line 0 of one without lines.

    Hidden folders, such as Git's, are passed over, and so is the database, which is not for people to change.
    """
    named = re.compile(rb"(?<![\w.+@-])%s(?![\w-]|\.\w)" % re.escape(address.encode()), re.IGNORECASE)
    for path in _files(publication):
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size:
                    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                        yield from ((path, line) for line in _lines(content, named))
        except OSError:
            output.warn(f"{path}: cannot be read, so it is not known whether {address} stands there")


def _lines(content: mmap.mmap, named: re.Pattern[bytes]) -> Iterator[int]:
    if content.find(b"\0", 0, _LOOK_FOR_NUL) >= 0:
        if named.search(content):
            yield 0
        return
    line, last, end = 1, 0, 0
    for match in named.finditer(content):
        line += content[end : match.start()].count(b"\n")
        end = match.start()
        if line != last:
            yield line
        last = line


def _files(publication: Publication) -> Iterator[Path]:
    database = sqlite_file(publication.database_url)
    ours = {Path(f"{database}{suffix}").resolve() for suffix in _TABLES_BESIDE if database}
    root = publication.root.resolve()
    places = [each.resolve() for each in (publication.outbox, publication.reports) if each]
    for place in [root, *(each for each in places if not each.is_relative_to(root))]:
        for folder, folders, names in os.walk(place):
            folders[:] = sorted(
                name for name in folders if not name.startswith(".") and name not in _NOT_OURS
            )
            for name in sorted(names):
                path = Path(folder, name)
                # In this order: a link that leads to itself is no file, and cannot be resolved.
                if path.is_file() and path.resolve() not in ours:
                    yield path
