"""Tells systemd that the service is ready, and again and again that it lives, if systemd asks for that.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from time import monotonic


class Watchdog:
    """What systemd is told over the socket that it names; nothing where it names none.

    ``period`` is how often to call `beat`, in seconds, twice as often as systemd wants it; 0 for never.
    """

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        wanted = os.environ.get("WATCHDOG_USEC", "")
        # sd_watchdog_enabled(3): the variable names the process that it is meant for, if only one is.
        ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.period = int(wanted) / 2_000_000 if self._address and ours and wanted.isdecimal() else 0.0
        self._next_at = 0.0

    def ready(self) -> None:
        """The service answers from here on (`Type=notify`)."""
        self._tell("READY=1")

    def beat(self) -> None:
        """It lives; told only as often as need be."""
        if self.period and monotonic() >= self._next_at:
            self._next_at = monotonic() + self.period
            self._tell("WATCHDOG=1")

    def _tell(self, what: str) -> None:
        if self._address:
            # A name that begins with `@` is of Linux' abstract ones. Nobody there is no reason to end.
            place = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
                way.sendto(what.encode(), place)
