"""`newsletter send --provider sendgrid` as people run it, against a SendGrid that is strict and may fail."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections import Counter
from threading import Event, Lock

import pytest
from acceptance.conftest import ISSUE, SETTINGS, Letter
from fakes.sendgrid import HANG_UP, KEY, RESET, SILENCE, Refusal, Sendgrid, sendgrid

READERS = {f"reader{number}@example.com" for number in range(1, 61)}


@pytest.fixture(scope="module")
def _many(tmp_path_factory):
    root = tmp_path_factory.mktemp("many")
    (root / "issues").mkdir()
    (root / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    (root / "issues" / "plain.md").write_text(ISSUE, encoding="utf-8")
    rows = [
        f"reader{number}@example.com,{'' if number % 5 == 0 else f'Reader & {number}'},"
        f"{'builders' if number % 3 == 0 else ''}"
        for number in range(1, 61)
    ]
    (root / "many.csv").write_text("email,first_name,tags\n" + "\n".join(rows) + "\n", encoding="utf-8")
    Letter(root).ok("subscribers", "import", "many.csv", "--consent", "test")
    return root


@pytest.fixture
def many(_many, tmp_path):
    """A publication with sixty readers, of whom a third are builders, and requests of ten."""
    shutil.copytree(_many, tmp_path / "letter")
    environment = {
        "SENDGRID_API_KEY": KEY,
        "NEWSLETTER_DELIVERY__PROVIDER": "sendgrid",
        "NEWSLETTER_SENDGRID__RECIPIENTS": "10",
        "NEWSLETTER_SENDGRID__CONNECTIONS": "2",
        "NEWSLETTER_SENDGRID__TIMEOUT": "300",
    }
    return Letter(tmp_path / "letter", environment)


SEND = ("send", "plain", "--all", "--yes", "--json")


def to(letter, fake: Sendgrid):
    letter.environment["NEWSLETTER_SENDGRID__HOST"] = fake.url
    return letter


def got(fake: Sendgrid) -> Counter[str]:
    """How many messages each address got."""
    return Counter({email: len(mail) for email, mail in fake.mail().items()})


def named(letter, state: str) -> set[str]:
    lines = letter.ok("log", "plain-1", "--state", state, "--json").out.splitlines()
    return {json.loads(line)["email"] for line in lines}


def test_everybody_gets_one_mail_made_for_them(many) -> None:
    with sendgrid() as fake:
        report = to(many, fake).ok(*SEND).json
        mail = fake.mail()

    assert (report["accepted"], report["recipients"], report["state"]) == (60, 60, "finished")
    assert {email: len(each) for email, each in mail.items()} == dict.fromkeys(READERS, 1)
    reads = mail["reader11@example.com"][0]
    assert "Good morning, Reader & 11." in reads["text"]
    assert "Reader &amp; 11" in reads["html"]
    assert reads["headers"]["List-Unsubscribe"].startswith("<https://news.example.com/unsubscribe/")
    assert reads["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    told = reads["custom_args"]
    assert told["newsletter_dispatch"] == "plain-1"
    assert 1 <= int(told["newsletter_batch"]) <= 6
    assert many.ok("log", "plain-1", "--json").out.count(told["newsletter_delivery"]) == 1
    assert len({each[0]["headers"]["List-Unsubscribe"] for each in mail.values()}) == 60
    assert sum("Only builders read this line." in each[0]["text"] for each in mail.values()) == 20


class Killer:
    """Kills each run with SIGKILL when its n-th request came, and does with that what the test says."""

    def __init__(self, kills: list[tuple[int, object]]) -> None:
        self.kills = kills
        self.at, self.then = 0, None
        self.lock = Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def __call__(self, number: int) -> object:
        with self.lock:
            self.at -= 1
            if self.at != 0:
                return None
            self.process.kill()
            self.process.wait(300)
            return self.then

    def run(self, letter) -> list[int]:
        """Run `newsletter send` until it is not killed any more; the exit codes."""
        codes = []
        for at, then in [*self.kills, (-1, None)]:
            self.then = then
            with running(letter) as self.process:
                # Only now: the last request of a process that was killed may still have been on its way.
                self.at = at
                self.process.communicate(timeout=600)
                codes.append(self.process.returncode)
        return codes


def running(letter) -> subprocess.Popen[bytes]:
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(letter.command(*SEND), env=letter.env(), cwd=letter.root, **quiet)


@pytest.mark.parametrize(
    "kills",
    [
        [(1, RESET), (2, HANG_UP), (2, None)],
        [(3, HANG_UP), (1, HANG_UP), (2, RESET)],
        [(1, None), (1, None), (1, None)],
    ],
    ids=["before, after, between", "after twice, before", "one after the other"],
)
def test_kills_lose_and_double_nobody_and_name_all_doubt(many, kills) -> None:
    """The request was not read (reset), was taken without an answer (hang up), or answered to nobody (None)."""
    killer = Killer(kills)
    with sendgrid(killer) as fake:
        codes = killer.run(to(many, fake))
        counts = got(fake)

    assert codes == [-signal.SIGKILL] * len(kills) + [5]  # some are uncertain
    uncertain, accepted = named(many, "uncertain"), named(many, "accepted")
    assert uncertain | accepted == READERS
    assert not uncertain & accepted
    assert max(counts.values()) == 1  # nobody was mailed twice
    assert counts.keys() >= accepted  # nobody was lost
    # Each kill leaves at most the windows of its two connections in doubt.
    assert 0 < len(uncertain) <= 20 * len(kills)


def test_sigterm_records_what_is_in_flight(many) -> None:
    reached, go_on = Event(), Event()

    def script(number: int) -> None:
        reached.set()
        go_on.wait(300)

    with sendgrid(script) as fake:
        to(many, fake)
        with subprocess.Popen(
            many.command(*SEND), env=many.env(), cwd=many.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert reached.wait(300)
            process.send_signal(signal.SIGTERM)
            go_on.set()
            process.communicate(timeout=600)
        assert process.returncode == 130
        before = many.run("status", "plain-1", "--json").json
        assert (before["uncertain"], before["accepted"]) == (0, sum(got(fake).values()))
        assert many.ok(*SEND).json["accepted"] == 60
        assert got(fake) == dict.fromkeys(READERS, 1)


@pytest.mark.parametrize("how", ["SIGTERM", "pause", "cancel"])
def test_a_wait_for_sendgrid_is_ended_at_once(many, how: str) -> None:
    """SendGrid asks for a minute; who is told to stop does not take it."""
    reset = {"X-RateLimit-Reset": str(int(time.time()) + 600)}
    with (
        sendgrid(lambda number: Refusal(429, reset) if number >= 3 else None) as fake,
        subprocess.Popen(
            to(many, fake).command(*SEND), env=many.env(), cwd=many.root, stdout=-1, stderr=-1, text=True
        ) as process,
    ):
        waits = next(line for line in process.stderr if "waits until" in line)
        if how == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        else:
            many.ok(how, "plain-1", *(["--yes"] if how == "cancel" else []))
        out, err = process.communicate(timeout=300)
    taken = sum(got(fake).values())

    assert "SendGrid takes no more for now: 429" in waits
    assert out, (process.returncode, err)
    left = json.loads(out)
    assert (left["uncertain"], left["accepted"]) == (0, taken)
    if how == "cancel":
        assert (process.returncode, left["state"], left["pending"]) == (0, "cancelled", 0)
    else:
        assert process.returncode == (130 if how == "SIGTERM" else 1)
        assert "`newsletter resume plain-1 --yes` goes on" in err


@pytest.mark.parametrize(
    ("fault", "outcomes"),
    [
        (500, {"uncertain": 10, "accepted": 50}),
        (503, {"uncertain": 10, "accepted": 50}),
        (HANG_UP, {"uncertain": 10, "accepted": 50}),
        (SILENCE, {"uncertain": 10, "accepted": 50}),
        (413, {"accepted": 60}),
        (408, {"accepted": 60}),
        (Refusal(429, {"X-RateLimit-Reset": "0"}), {"accepted": 60}),
        (Refusal(400, errors=(("is none", "personalizations.3.to"),)), {"rejected": 1, "accepted": 59}),
    ],
    ids=["500", "503", "hang up", "silence", "413", "408", "429", "400 with a name"],
)  # fmt: skip
def test_a_fault_has_its_outcome_and_no_other(many, fault, outcomes) -> None:
    """The third request meets the fault; all others are answered by the rules."""
    many.environment["NEWSLETTER_SENDGRID__TIMEOUT"] = "5" if fault == SILENCE else "300"
    # One text for all, so that a request is a window.
    issue = many.root / "issues" / "plain.md"
    issue.write_text(issue.read_text(encoding="utf-8").split("{% if")[0], encoding="utf-8")
    with sendgrid({3: fault}.get) as fake:
        done = to(many, fake).run(*SEND)
        counts = got(fake)

    expected = {"uncertain": 0, "rejected": 0, "failed": 0, **outcomes}
    assert {name: done.json[name] for name in expected} == expected
    assert done.code == (0 if outcomes == {"accepted": 60} else 5)
    assert max(counts.values()) == 1
    assert counts.keys() >= named(many, "accepted")


def test_a_key_that_is_refused_holds_the_dispatch(many) -> None:
    refused = [401]
    with sendgrid(lambda number: refused[0] if number >= 3 else None) as fake:
        done = to(many, fake).run(*SEND)

        assert done.code == 3
        assert "SendGrid refuses the API key: 401" in done.err
        assert "newsletter resume plain-1" in done.err
        assert KEY not in done.err + done.out
        refused[0] = None
        assert many.ok(*SEND).json["accepted"] == 60
        assert got(fake) == dict.fromkeys(READERS, 1)


def test_the_provider_can_check_without_mailing(many) -> None:
    people = many.root / "more.csv"
    people.write_text("email\nbad@example.com\n", encoding="utf-8")
    many.ok("subscribers", "import", "more.csv", "--consent", "test")
    with sendgrid() as fake:
        done = to(many, fake).run("send", "plain", "--all", "--dry-run=provider", "--json")

        assert (fake.accepted, fake.rehearsed > 0) == ([], True)
    assert done.code == 5
    assert (done.json["state"], done.json["accepted"], done.json["checked"]) == ("dry run", 0, 60)
    assert done.json["refused"] == [
        {"email": "bad@example.com", "reason": "400 Does not contain a valid address."}
    ]
    assert "bad@example.com would be refused: 400" in done.err
    assert many.run("status", "--json").json == []


def test_a_plain_dry_run_asks_nobody(many) -> None:
    """Also with the issue right after the flag, which is not its value."""
    with sendgrid() as fake:
        done = to(many, fake).ok("send", "--dry-run", "plain", "--all", "--json")

        assert fake.connections == 0
    assert done.json["pending"] == 60


def test_who_cannot_check_without_mailing_says_so(many) -> None:
    done = many.run("send", "plain", "--all", "--provider", "outbox", "--dry-run=provider")

    assert done.code == 2
    assert "outbox cannot check a message without taking it" in done.err
