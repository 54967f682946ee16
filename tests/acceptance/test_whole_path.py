"""The whole path, as people walk it: text → issue → edition → messages → inbox → recorded, and out again."""

from __future__ import annotations

import re
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from acceptance.conftest import Letter

ROOT = Path(__file__).resolve().parent.parent.parent

DIGEST = """\
Rivers rise earlier than the tables say

Water Letter

2026-05-02

Rivers rise earlier than the tables say

By Water Letter • May 2, 2026

Two gauges moved, one town changed its rules, and a tool came out.

What was measured

Gauges on two rivers were read again this week [1, 2].

The upper gauge moved by a hand

The keeper wrote down 41 cm, nine more than in the year before [1].

Why it matters: The tables of 1990 no longer hold for the upper river [1, 3].

A town changed its rules

Boats now wait below the bridge from April on [2].

“We would rather wait a month than lose a pier.” [2]

Why it matters: Other towns on the river look at this one first [2].

Sources

1. Gauge book, upper river
2. Minutes of the town council
3. Tables of mean water, 1990
"""


def test_pasted_text_becomes_an_issue_an_edition_and_messages(letter: Letter) -> None:
    """`new --from` keeps every part, `build` compiles it, and the plain text holds every sentence."""
    (letter.root / "pasted.txt").write_text(DIGEST, encoding="utf-8")
    issue = Path(letter.ok("new", "--from", "pasted.txt").out.strip())
    built = letter.ok("build", issue, "--json").json
    html, text = (
        (letter.root / "build" / f"{built['slug']}{end}").read_text("utf-8") for end in (".html", ".txt")
    )

    assert issue.name.startswith("2026-05-02")
    assert html.count("Why it matters") == 2
    assert len(re.findall(r"<h1\b", html)) == 1
    assert len(set(re.findall(r'href="#(source-\d+)"', html))) == 3
    squeezed = " ".join(text.split())
    for sentence in re.findall(r"[^.\n]+\.", DIGEST.split("Sources")[0]):
        if "Why it matters" not in sentence:
            assert " ".join(sentence.split()) in squeezed


def test_each_subscriber_of_a_segment_gets_one_message_by_smtp(letter: Letter, smtp) -> None:
    """A real server holds one message per recipient, personal, and the ledger says the same."""
    port, taken = smtp
    letter.environment["NEWSLETTER_SMTP__PORT"] = str(port)
    report = letter.ok(
        "send", "plain", "--segment", "german-builders", "--provider", "smtp", "--yes", "--json"
    ).json

    assert Counter(str(m["X-Envelope-To"]) for m in taken) == {"ann@example.com": 1, "cho@example.net": 1}
    assert (report["accepted"], report["pending"], report["state"]) == (2, 0, "finished")
    greetings = {str(m["To"]): m.get_body(("plain",)).get_content() for m in taken}
    assert "Good morning, 王小明." in next(text for to, text in greetings.items() if "cho@" in to)
    log = [line for line in letter.ok("log", report["dispatch"], "--json").out.splitlines() if line]
    assert len(log) == 2
    assert all(str(m["Message-ID"])[1:-1] in "".join(log) for m in taken)


def test_every_message_has_the_headers_that_are_promised(letter: Letter, smtp) -> None:
    """One-click, list and identity headers; text before HTML; no line over 998 octets."""
    port, taken = smtp
    letter.environment["NEWSLETTER_SMTP__PORT"] = str(port)
    letter.ok("send", "plain", "--all", "--provider", "smtp", "--yes")
    promised = ["From", "To", "Subject", "Date", "Message-ID", "List-Id", "MIME-Version", "Feedback-ID"]
    promised += ["List-Unsubscribe", "List-Unsubscribe-Post"]

    assert len(taken) == 4
    for message in taken:
        assert [name for name in promised if not message[name]] == []
        assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert str(message["To"].addresses[0].addr_spec) == str(message["X-Envelope-To"])
        assert "LP" not in re.sub(r"https?://\S+", "", message.get_body(("plain",)).get_content())


def test_conditions_are_decided_per_recipient(letter: Letter) -> None:
    """Only those for whom the condition is true read the block."""
    letter.ok("send", "plain", "--all", "--yes")
    readers = {
        str(message["To"].addresses[0].addr_spec): message.get_body(("plain",)).get_content()
        for message in outbox(letter)
    }

    assert {who for who, text in readers.items() if "Only builders" in text} == {
        "ann@example.com",
        "cho@example.net",
    }


def test_sending_again_mails_nobody_twice(letter: Letter) -> None:
    """The same edition and audience continue the same dispatch, which is finished."""
    first = letter.ok("send", "plain", "--all", "--yes", "--json").json
    again = letter.ok("send", "plain", "--all", "--yes", "--json").json

    assert again["dispatch"] == first["dispatch"]
    assert len(list((letter.root / "outbox").rglob("*.eml"))) == 4


def test_a_dry_run_changes_nothing(letter: Letter) -> None:
    """It counts, and neither plans nor writes."""
    report = letter.ok("send", "plain", "--all", "--dry-run", "--json").json

    assert report["recipients"] == 4
    assert letter.ok("status", "--json").json == []
    assert not (letter.root / "outbox").exists()


def test_a_test_message_is_marked_and_outside_the_ledger(letter: Letter) -> None:
    """`test` hands over, says so in the subject, and leaves no dispatch."""
    letter.ok("test", "plain", "me@example.com")
    (message,) = outbox(letter)

    assert str(message["Subject"]).startswith("[Test] ")
    assert str(message["To"]) == "me@example.com"
    assert letter.ok("status", "--json").json == []


def outbox(letter: Letter) -> list[EmailMessage]:
    """The messages in the outbox, parsed."""
    files = sorted((letter.root / "outbox").rglob("*.eml"))
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]


@contextmanager
def serving(letter: Letter) -> Iterator[str]:
    """The readers' web service as a process; gives its URL."""
    command = letter.command("serve", "--port", "0")
    with subprocess.Popen(
        command, env=letter.env(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            assert process.wait(300) == 0


def fetch(url: str, data: bytes | None = None) -> tuple[int, str]:
    """The status and text of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=300) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_reader_leaves_by_the_link_in_the_message(letter: Letter) -> None:
    """GET changes nothing, POST takes her off for good, a forged token is 404, the next send leaves her out."""
    letter.ok("send", "plain", "--all", "--yes")
    message = next(m for m in outbox(letter) if "ann@example.com" in str(m["To"]))
    path = str(message["List-Unsubscribe"]).strip("<>").removeprefix("https://news.example.com")

    with serving(letter) as url:
        seen = fetch(url + path)
        before = letter.ok("subscribers", "show", "ann@example.com", "--json").json["status"]
        clicked = [fetch(url + path, b"List-Unsubscribe=One-Click")[0] for _ in range(2)]
        forged = fetch(url + path[:-3] + "abc", b"List-Unsubscribe=One-Click")[0]
        web = fetch(url + "/issues/plain")

    assert (seen[0], before) == (200, "active")
    assert (clicked, forged) == ([200, 200], 404)
    assert "First story" in web[1]
    assert letter.ok("subscribers", "show", "ann@example.com", "--json").json["status"] == "unsubscribed"
    next_send = letter.ok("send", "plain", "--all", "--again", "--dry-run", "--json").json
    assert next_send["recipients"] == 3
    assert next_send["excluded"] == {"unsubscribed": 1}


def test_the_demo_runs_from_any_folder(tmp_path: Path, letter: Letter) -> None:
    """The example publication is imported, built, checked and sent into the outbox; the counts agree."""
    program = Path(letter.command()[0]).parent
    environment = {**letter.env(), "PATH": f"{program}:{letter.env()['PATH']}"}
    done = subprocess.run(
        ["sh", str(ROOT / "examples" / "demo.sh"), str(tmp_path / "demo")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    demo = type(letter)(tmp_path / "demo")
    status = demo.ok("status", "2026-04-11-1", "--json").json

    assert status["accepted"] == status["recipients"] > 100
    assert len(list((tmp_path / "demo" / "outbox").rglob("*.eml"))) == status["accepted"]
