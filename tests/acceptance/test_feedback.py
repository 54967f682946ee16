"""What comes back, as people meet it: the webhook of a running service, a pipe, a Maildir, and what then is told."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random
from typing import TYPE_CHECKING

import httpx
import pytest
from acceptance.conftest import Letter
from fakes import bounced
from fakes.sendgrid import HANG_UP, KEY, sendgrid
from fakes.sendgrid_hook import Signer, as_sent, told_of

if TYPE_CHECKING:
    from collections.abc import Callable

SEND = ("send", "plain", "--all", "--yes", "--json")


@contextmanager
def serving(letter: Letter):
    """`newsletter serve` as a process of its own; its address."""
    command = [sys.executable, "-m", "newsletter", "-C", str(letter.root), "serve", "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=letter.env(), text=True, **pipes) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(300)


def words(email: str) -> list[str]:
    return {
        "ann@example.com": ["processed", "delivered", "click"],
        "bob@example.org": ["processed", "bounce"],
        "cho@example.net": ["processed", "delivered", "spamreport"],
    }.get(email, ["processed", "deferred"])


def test_from_a_lost_answer_to_a_settled_dispatch(letter: Letter) -> None:
    """All answers of SendGrid are lost; its events, doubled and shuffled, tell what became of everybody."""
    signer = Signer()
    letter.environment |= {
        "SENDGRID_API_KEY": KEY,
        "NEWSLETTER_DELIVERY__PROVIDER": "sendgrid",
        "NEWSLETTER_SENDGRID__WEBHOOK_KEY": signer.key,
    }
    with sendgrid(lambda number: HANG_UP) as fake:
        letter.environment["NEWSLETTER_SENDGRID__HOST"] = fake.url
        sent = letter.run(*SEND)
        told = [
            event
            for body in fake.bodies
            for person in body["personalizations"]
            for event in told_of(person, body, words(person["to"][0]["email"]))
        ]
    assert (sent.code, sent.json["uncertain"]) == (5, 4)

    with serving(letter) as url, httpx.Client(base_url=url, trust_env=False, timeout=300) as client:
        for body in as_sent(told, Random(1), copies=3, size=5):
            forged = client.post("/webhooks/sendgrid", content=body, headers=Signer().headers(body))
            answer = client.post("/webhooks/sendgrid", content=body, headers=signer.headers(body))
            assert (forged.status_code, answer.status_code) == (403, 200)

    standing = letter.ok("status", "plain-1", "--json").json
    assert (standing["accepted"], standing["uncertain"]) == (4, 0)
    assert standing["events"] == {
        "deferred": 1,
        "delivered": 2,
        "bounced": 1,
        "clicked": 1,
        "complained": 1,
    }
    assert "1 bounced" in letter.ok("status", "plain-1").out
    lines = {
        line["email"]: line
        for line in map(json.loads, letter.ok("log", "plain-1", "--json").out.splitlines())
    }
    assert lines["bob@example.org"]["events"] == ["bounced"]
    assert lines["bob@example.org"]["reason"].startswith("sendgrid: ")
    statuses = {email: letter.ok("subscribers", "show", email, "--json").json["status"] for email in lines}
    assert statuses == {
        "ann@example.com": "active",
        "bob@example.org": "bounced",
        "cho@example.net": "complained",
        "dee@example.com": "active",
    }
    assert "550 5.1.1 no such mailbox here" in letter.ok("subscribers", "show", "bob@example.org").out
    report = letter.ok("report", "plain-1").out
    assert "| bounced | 1 | 25.0% |" in report
    # The next issue goes only to who still can be mailed.
    again = letter.ok(*SEND, "--again", "--provider", "outbox").json
    assert (again["recipients"], again["excluded"]) == (2, {"bounced": 1, "complained": 1})


@pytest.fixture
def mailed(letter: Letter, smtp) -> tuple[Letter, dict[str, str]]:
    """An issue that went out by SMTP with signed return paths; what each address got as its envelope's sender."""
    port, taken = smtp
    letter.environment |= {
        "NEWSLETTER_DELIVERY__PROVIDER": "smtp",
        "NEWSLETTER_SMTP__PORT": str(port),
        "NEWSLETTER_SMTP__RETURN_PATH": "bounce@bounces.example.com",
    }
    letter.ok(*SEND)
    return letter, {message["X-Envelope-To"]: message["X-Envelope-From"] for message in taken}


def test_a_pipe_and_a_maildir(mailed, tmp_path) -> None:
    letter, paths = mailed
    hard = bounced.dsn(paths["ann@example.com"], "", recipient="ann@example.com")
    policy = bounced.dsn(
        paths["bob@example.org"],
        "",
        recipient="bob@example.org",
        status="5.7.1",
        diagnostic="smtp; 550 5.7.1 your host is not welcome",
        date=format_datetime(datetime.now(UTC)),
    )
    away = bounced.away(paths["cho@example.net"])
    box = tmp_path / "Maildir"
    for name in ("new", "cur", "tmp"):
        (box / name).mkdir(parents=True)
    for number, raw in enumerate([policy, away, hard]):
        (box / "new" / f"{number}.host").write_bytes(raw)

    piped = letter.run("bounces", "read", "-", stdin=hard.decode())
    assert (piped.code, piped.out) == (0, "")
    assert "read 1 message: 1 bounced" in piped.err
    done = letter.ok("bounces", "read", box, "--json")
    assert done.json["whats"] == {"bounced": 2, "answered": 1}
    assert (done.json["known"], done.json["bounces"], done.json["effects"]) == (1, {"policy": 1}, {})

    assert letter.ok("subscribers", "show", "ann@example.com", "--json").json["status"] == "bounced"
    assert letter.ok("subscribers", "show", "bob@example.org", "--json").json["status"] == "active"
    assert letter.ok("status", "plain-1", "--json").json["events"] == {"bounced": 2, "policy": 1}
    assert (
        "refused for what we send or are (5.7.1): 550 5.7.1 your host is not welcome"
        in letter.ok("doctor").err
    )
    assert "`newsletter doctor --since " in letter.ok("status", "plain-1").err
    assert "5.7.1" in letter.ok("doctor", "--since", "1h").err
    nothing = letter.ok("doctor", "--since", "0m").err
    assert "no message refused for what you send or are since" in nothing
    assert "5.7.1" not in nothing


def test_a_pipe_whose_message_cannot_be_kept_is_tried_again(mailed) -> None:
    """The mail server reads the exit code; 75 keeps the message in its queue."""
    letter, paths = mailed
    raw = bounced.dsn(paths["ann@example.com"], "", recipient="ann@example.com").decode()
    database = letter.root / "newsletter.db"
    database.rename(letter.root / "away.db")
    database.mkdir()

    done = letter.run("bounces", "read", "-", stdin=raw)

    assert (done.code, "could not be kept" in done.err, "Traceback" in done.err) == (75, True, False)
    database.rmdir()
    (letter.root / "away.db").rename(database)
    assert letter.run("bounces", "read", "-", stdin=raw).code == 0
    assert letter.ok("subscribers", "show", "ann@example.com", "--json").json["status"] == "bounced"


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("NEWSLETTER_SMTP__PORT", "none", "`smtp.port` is no whole number"),
        ("NEWSLETTER_DATABASE__URL", "sqlite:////nowhere/newsletter.db", "there is no such folder"),
        ("NEWSLETTER_DATABASE__URL", "the new one", "this version needs"),
    ],
)
def test_a_pipe_keeps_the_message_while_something_else_is_wrong(
    bare: Letter, new_postgres_url: Callable[[str], str], variable: str, value: str, why: str
) -> None:
    """Wrong settings, or a database that awaits its upgrade: with any other code the message would be lost."""
    bare.environment[variable] = new_postgres_url("template1") if value == "the new one" else value
    raw = bounced.dsn("bounce@example.com", "", recipient="ann@example.com").decode()

    done = bare.run("bounces", "read", "-", stdin=raw)

    assert (done.code, why in done.err) == (75, True), done.err


def test_what_is_no_mailbox_is_told(letter: Letter) -> None:
    for source, words_ in (
        ("nowhere", "cannot be read"),
        (str(letter.root), "no Maildir"),
        ("imap", "no IMAP server"),
    ):
        done = letter.run("bounces", "read", source)
        assert (done.code in (2, 3), words_ in done.err, "hint:" in done.err) == (True, True, True)
