"""Starts the command `newsletter` again and again, each time in a process of its own, without the imports.

To start Python and import the program takes a second; to fork one that has done so takes a few milliseconds.
Nothing is shared afterwards: the child is killed, and a later one finds what is in the database and no more.

Each line on stdin is an order in JSON; two lines answer it: the process ids, and how the processes ended.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from time import monotonic

import psycopg  # noqa: F401 - so that its children need not
import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401
from acceptance.crash.moments import arm
from acceptance.crash.publication import write

import newsletter.cli.dispatches
import newsletter.cli.sending
import newsletter.providers.outbox
import newsletter.providers.sendgrid
import newsletter.providers.smtp
from newsletter.cli import main

# A small list is enough for many kills if it is handed over in small windows; SendGrid's are a setting.
newsletter.providers.smtp.SmtpProvider.window = 5
newsletter.providers.smtp.SmtpProvider.batch_size = 10


def warm_up() -> None:
    """Do once all that a command does, so that its children need to import and compile little."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        write(Path(folder), "warm")
        for words in (["subscribers", "add", "ann@example.com"], ["send", "warm", "--all", "--yes"]):
            sys.argv = ["newsletter", "-C", folder, *words]
            with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
                main()
    # A thread would not live on in a child, and what it had locked would stay locked. One that was joined may take
    # a moment to be gone.
    late = monotonic() + 300
    while len(list(Path("/proc/self/task").iterdir())) > 1:
        assert monotonic() < late


def child(order: dict[str, object]) -> None:
    """Be the command that *order* describes."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = ["newsletter", *order["arguments"]]
    if order["largest_file"]:
        # Python ignores SIGXFSZ: a write beyond the limit fails as it does on a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"],) * 2)
    if order["moment"]:
        arm(order["moment"], order["count"])
    main()


def serve() -> None:
    """Follow orders until there are no more."""
    for line in sys.stdin:
        order = json.loads(line)
        # They begin together: each waits until the other end of a pipe is closed, which this process does last.
        start, hand = os.pipe()
        pids = [fork(order, start, hand) for _ in range(order["processes"])]
        for end in (start, hand):
            os.close(end)
        print(json.dumps(pids), flush=True)
        ends = [os.waitpid(pid, 0)[1] for pid in pids]
        print(json.dumps([os.waitstatus_to_exitcode(end) for end in ends]), flush=True)


def fork(order: dict[str, object], start: int, hand: int) -> int:
    """Start a child, which begins when *start* comes to its end; its process id."""
    pid = os.fork()
    if pid:
        return pid
    os.close(hand)
    os.read(start, 1)
    os.close(start)
    try:
        child(order)
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code or 0)
    finally:
        os._exit(99)


if __name__ == "__main__":
    warm_up()
    serve()
