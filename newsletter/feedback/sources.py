"""Where bounces lie: a Maildir, an mbox, a file with one message, or standard input."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from newsletter.errors import UsageError

#: So much of a message is read into memory; the rest is passed over.
LONGEST = 4_000_000
#: What an mbox writes for a line of a message that begins with ``From``.
_QUOTED = re.compile(rb">+From ")


def _stay() -> None:
    """What cannot be put away stays where it is, and is known when it is read again."""


@dataclass(frozen=True)
class Letter:
    """One message, and how it is put away once what it says is kept."""

    raw: bytes = field(repr=False)
    put_away: Callable[[], None] = _stay


def open_source(path: Path) -> Iterator[Letter]:
    """The messages at *path*: a Maildir, an mbox, one message, or standard input for ``-``.

    Raises:
        UsageError: there is nothing, or it is none of these.
    """
    if str(path) == "-":
        said = sys.stdin.buffer.read(LONGEST)
        return iter([Letter(said)] if said.strip() else [])
    if (path / "new").is_dir():
        return _maildir(path)
    if path.is_dir():
        raise UsageError("this folder is no Maildir", where=str(path), hint="name the one that holds `new`")
    return _file(path)


def _maildir(folder: Path) -> Iterator[Letter]:
    """The messages that nobody has seen (https://cr.yp.to/proto/maildir.html); put away, they are seen."""
    seen = folder / "cur"
    for place in ("new", "cur"):
        if not (folder / place).is_dir():
            continue
        for path in sorted((folder / place).iterdir()):
            name, _, flags = path.name.partition(":2,")
            if "S" in flags or path.name.startswith(".") or not path.is_file():
                continue
            target = seen / f"{name}:2,{''.join(sorted({*flags, 'S'}))}"
            try:
                with path.open("rb") as file:
                    raw = file.read(LONGEST)
            except FileNotFoundError:
                continue  # another reader was quicker
            except OSError as error:
                raise _unreadable(path, error) from error
            yield Letter(raw, _move(path, target))


def _move(path: Path, target: Path) -> Callable[[], None]:
    def move() -> None:
        try:
            target.parent.mkdir(exist_ok=True)
            path.rename(target)
        except FileNotFoundError:
            return  # another reader put it away
        except OSError as error:
            raise UsageError(
                f"cannot be put away: {error.strerror}",
                where=str(path),
                hint="let this user write into the Maildir; what was read is kept, and known when read again",
            ) from error

    return move


def _file(path: Path) -> Iterator[Letter]:
    """The messages of an mbox (RFC 4155), or the one that a file is; nothing is changed in it."""
    try:
        with path.open("rb") as file:
            first = file.readline(LONGEST)
            if not first:
                return  # a mailbox that was emptied
            if not first.startswith(b"From "):
                yield Letter(first + file.read(LONGEST))
                return
            lines: list[bytes] = []
            size, after_blank = 0, False
            while line := file.readline(LONGEST):
                if after_blank and line.startswith(b"From "):
                    yield Letter(b"".join(lines))
                    lines, size = [], 0
                elif size < LONGEST:
                    lines.append(line[1:] if _QUOTED.match(line) else line)
                    size += len(line)
                after_blank = line in (b"\n", b"\r\n")
            yield Letter(b"".join(lines))
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"cannot be read: {error.strerror}", where=str(path), hint="name a Maildir, an mbox or a message"
    )
