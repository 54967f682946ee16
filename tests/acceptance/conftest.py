"""A publication on disk, and the command as people run it: a process of its own."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from subprocess import DEVNULL

import pytest
from acceptance.crash.publication import SETTINGS
from fakes.smtp import real_smtp_server

ROOT = Path(__file__).resolve().parent.parent.parent

ISSUE = """\
---
title: A plain issue
date: 2026-05-01
preheader: What a plain issue says in one line, long enough for an inbox.
segment: everybody
---

Good morning, {{ subscriber.first_name | default("reader") }}.

## First section

### First story

Some text with a [link that says where](https://example.com/there) it leads.

{% if "builders" in subscriber.tags %}

Only builders read this line.

{% endif %}
"""

PEOPLE = """\
email,first_name,country,tags
ann@example.com,Ann,DE,builders
bob@example.org,Bob,FR,
cho@example.net,王小明,DE,builders;founders
dee@example.com,,US,founders
"""


@dataclass
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """The lines on stderr."""
        return self.err.splitlines()


@dataclass
class Letter:
    """A publication and the command to work on it."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: object) -> list[str]:
        """The words of a command in this publication."""
        program = str(Path(sys.executable).parent / "newsletter")
        return [program, "-C", str(self.root), *map(str, arguments)]

    def env(self) -> dict[str, str]:
        """The environment of a command: this one's, less what could change the result."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "CI") if name in os.environ}
        return {**kept, "LANG": "C.UTF-8", **self.environment}

    def run(self, *arguments: object, stdin: str | None = None, cwd: Path | None = None) -> Done:
        """Run a command to its end."""
        done = subprocess.run(
            self.command(*arguments),
            input=stdin if stdin is not None else "",
            env=self.env(),
            cwd=cwd or self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: object) -> Done:
        """Run a command that must succeed."""
        done = self.run(*arguments)
        assert done.code == 0, done.err
        return done

    def on_terminal(
        self, *arguments: object, streams: Sequence[str] = ("stderr",), code: int = 0, **environment: str
    ) -> str:
        """All that a command writes to the streams of its that are a terminal, of 80 columns; it ends with *code*."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        pipes = {"stdin": DEVNULL, "stdout": DEVNULL, "stderr": DEVNULL, **dict.fromkeys(streams, theirs)}
        command, shown = self.command(*arguments), b""
        with subprocess.Popen(command, env={**self.env(), **environment}, cwd=self.root, **pipes) as process:
            os.close(theirs)
            # Piece by piece, as it is written: a terminal has room for little, and its end is an error (EIO).
            with suppress(OSError):
                while piece := os.read(ours, 65_536):
                    shown += piece
        os.close(ours)
        assert process.returncode == code, shown
        return shown.decode()

    def files(self) -> set[str]:
        """Every file of the publication, for seeing that nothing was half written."""
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()}


def _written(root: Path) -> Letter:
    (root / "issues").mkdir(parents=True)
    (root / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    (root / "issues" / "plain.md").write_text(ISSUE, encoding="utf-8")
    (root / "people.csv").write_text(PEOPLE, encoding="utf-8")
    return Letter(root)


@pytest.fixture
def bare(tmp_path: Path) -> Letter:
    """A publication with one issue and nobody on its list."""
    return _written(tmp_path / "letter")


@pytest.fixture(scope="session")
def _peopled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    letter = _written(tmp_path_factory.mktemp("peopled"))
    letter.ok("subscribers", "import", "people.csv", "--consent", "test")
    letter.ok("segments", "add", "everybody", 'status == "active"')
    letter.ok("segments", "add", "german-builders", 'country == "DE" and "builders" in tags')
    return letter.root


@pytest.fixture
def letter(_peopled: Path, tmp_path: Path) -> Letter:
    """A publication with one issue, four subscribers and two segments."""
    root = tmp_path / "letter"
    shutil.copytree(_peopled, root)
    return Letter(root)


@pytest.fixture
def smtp() -> Iterator[tuple[int, list[EmailMessage]]]:
    """A real SMTP server on a free port, and the messages that it took."""
    taken: list[EmailMessage] = []

    class Keeper:
        async def handle_DATA(self, server, session, envelope) -> str:
            message = message_from_bytes(envelope.content, policy=policy.default)
            message["X-Envelope-To"] = ",".join(envelope.rcpt_tos)
            message["X-Envelope-From"] = envelope.mail_from
            taken.append(message)
            return "250 2.0.0 taken"

    with real_smtp_server(Keeper()) as port:
        yield port, taken
