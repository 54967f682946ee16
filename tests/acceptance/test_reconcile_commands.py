"""`newsletter reconcile` shows what would come of it, asks, and does all of it or nothing."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import TYPE_CHECKING

import pytest
from fakes.smtp import HANG_UP, smtp_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acceptance.conftest import Letter


@pytest.fixture
def doubtful(letter: Letter) -> Iterator[Letter]:
    """A dispatch of whose four recipients Ann and Cho are in doubt and the others accepted; a list of three."""
    hang_up = {"ann@example.com", "cho@example.net"}
    named: list[str] = []

    def answer(step: str, line: str) -> str | None:
        if step == "RCPT":
            named.append(line)
        return HANG_UP if step == "." and any(each in named[-1] for each in hang_up) else None

    with smtp_server(answer) as server:
        letter.environment["NEWSLETTER_SMTP__PORT"] = str(server.port)
        letter.environment["NEWSLETTER_SMTP__WINDOW"] = "1"
        letter.environment["NEWSLETTER_SMTP__CONNECTIONS"] = "1"
        letter.run("send", "plain", "--all", "--provider", "smtp", "--yes")
        (letter.root / "got-it.txt").write_text("ann@example.com\nbob@example.org\nzoe@example.org\n")
        yield letter


def counts(letter: Letter) -> tuple[int, int, int]:
    told = letter.ok("status", "plain-1", "--json").json
    return told["accepted"], told["uncertain"], told["pending"]


def test_evidence_is_shown_before_it_settles_anything(doubtful: Letter) -> None:
    """Without a terminal it needs `--yes`, as whatever cannot be taken back does."""
    refused = doubtful.run("reconcile", "plain-1", "--delivered", "got-it.txt")

    assert (refused.code, refused.out) == (2, "")
    assert "in doubt, by evidence" in refused.err
    assert "1 become accepted" in refused.err
    assert "3 names, 1 of nobody in this dispatch" in refused.err
    assert "1 accepted, named and settled before" in refused.err
    assert refused.lines[-1].startswith("hint: add `--yes`")
    assert counts(doubtful) == (2, 2, 0)


@pytest.mark.parametrize("choice", ["--accepted", "--failed", "--resend"])
def test_a_persons_word_is_asked_for_too(doubtful: Letter, choice: str) -> None:
    refused = doubtful.run("reconcile", "plain-1", choice, "all")

    assert (refused.code, "add `--yes`" in refused.err) == (2, True)
    assert counts(doubtful) == (2, 2, 0)


def test_a_dry_run_tells_the_numbers_and_writes_nothing(doubtful: Letter) -> None:
    told = doubtful.ok(
        "reconcile", "plain-1", "--delivered", "got-it.txt", "--resend", "all", "--dry-run", "--json"
    )
    done = doubtful.ok(
        "reconcile", "plain-1", "--delivered", "got-it.txt", "--resend", "all", "--yes", "--json"
    )

    assert told.json["dry_run"] is True
    assert told.json["reconciled"] == done.json["reconciled"] == {
        "proved": 1, "accepted": 0, "failed": 0, "taken_out": 0, "resent": 1, "retried": 0, "left_alone": 0,
        "held": 0, "recovered": 0, "named": 3, "strangers": 1, "settled_before": 1,
    }  # fmt: skip
    assert "dry run; nothing was written" in told.lines
    assert (told.json["accepted"], told.json["uncertain"], told.json["pending"]) == (2, 2, 0)
    assert (done.json["accepted"], done.json["uncertain"], done.json["pending"]) == (3, 0, 1)


def test_a_file_about_something_else_is_told(doubtful: Letter) -> None:
    """The log of another dispatch, say: which one is told, too."""
    doubtful.run("send", "plain", "--all", "--again", "--provider", "outbox", "--yes")
    (doubtful.root / "ids.txt").write_text(
        "\n".join(line.split("\t")[4] for line in doubtful.ok("log", "plain-2").out.splitlines())
    )
    done = doubtful.ok("reconcile", "plain-1", "--delivered", "ids.txt")

    assert "4 names, 4 of nobody in this dispatch; 4 of plain-2" in done.err
    assert "warning: ids.txt: it names nobody of plain-1; is it the right file?" in done.lines
    assert done.lines[-1] == "there is nothing to settle"


def test_who_got_the_issue_from_another_dispatch_since_is_left_alone_and_told_of(doubtful: Letter) -> None:
    """It was said only that there is nothing to settle."""
    doubtful.run("send", "plain", "--all", "--again", "--provider", "outbox", "--yes")
    done = doubtful.ok("reconcile", "plain-1", "--resend", "ann@example.com", "--json")

    assert "1 got the issue from another dispatch since, or will" in done.err
    assert "nobody else is to be tried again; there is nothing to write down" in done.err
    assert (done.json["reconciled"]["left_alone"], done.json["reconciled"]["resent"]) == (1, 0)
    assert counts(doubtful) == (2, 2, 0)


def test_all_is_done_or_nothing(doubtful: Letter) -> None:
    """Evidence settled its part before it was seen that a name is not in doubt."""
    wrong = ("--failed", "bob@example.org")
    refused = doubtful.run("reconcile", "plain-1", "--delivered", "got-it.txt", *wrong, "--yes")

    assert (refused.code, "`bob@example.org` has no delivery here that is uncertain" in refused.err) == (
        2,
        True,
    )
    assert counts(doubtful) == (2, 2, 0)


def test_those_in_doubt_are_named_for_programs(doubtful: Letter) -> None:
    told = doubtful.ok("reconcile", "plain-1", "--json").json

    assert {each["email"] for each in told["in_doubt"]} == {"ann@example.com", "cho@example.net"}
    assert told["uncertain"] == 2


@pytest.mark.parametrize(("answer", "expected"), [("y", (3, 1, 0)), ("n", (2, 2, 0))])
def test_on_a_terminal_it_asks(doubtful: Letter, answer: str, expected: tuple[int, int, int]) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        doubtful.command("reconcile", "plain-1", "--delivered", "got-it.txt"),
        stdin=theirs, capture_output=True, text=True, env=doubtful.env(), cwd=doubtful.root, check=False,
    )  # fmt: skip
    os.close(theirs)
    os.close(ours)

    assert "Settle 1 of plain-1? [y/N]" in done.stderr
    assert (done.returncode == 0) is (answer == "y")
    assert counts(doubtful) == expected
