"""Ports for programs that cannot be handed a socket, kept for them until they listen."""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import Popen


@contextmanager
def kept_port() -> Iterator[int]:
    """A port of 127.0.0.1 that nobody else is given as long as the context lasts; until somebody listens, it refuses.

    A port that was found free and let go may be anybody's a moment later, even that of who connects to it. This
    one stays bound: the kernel gives it to no other socket that asks for any port, and who asks for it by its number
    may still listen (socket(7), SO_REUSEADDR, which servers set).
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield keeper.getsockname()[1]


def until_it_answers(port: int, process: Popen[bytes]) -> None:
    """Wait until the program listens on its port."""
    while True:
        assert process.poll() is None, "the program ended"
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
