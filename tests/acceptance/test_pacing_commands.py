"""Sending at a time and at a pace, and what is told of it, by the command as people run it."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from fakes.smtp import smtp_server

if TYPE_CHECKING:
    from email.message import EmailMessage

    from acceptance.conftest import Letter

PEOPLE = "email\n" + "".join(f"reader{number}@example.com\n" for number in range(1, 46))


def outbox(letter: Letter) -> int:
    return len(list((letter.root / "outbox").rglob("*.eml")))


def test_a_dispatch_is_planned_for_later_and_not_run_before(letter: Letter) -> None:
    """`run-due` leaves it alone before; asked for twice, it is one dispatch; at another time, it is refused."""
    at = ("--at", "2090-01-01 08:00", "--detach", "--yes")
    planned = letter.ok("send", "plain", "--all", *at, "--json").json
    again = letter.ok("send", "plain", "--all", *at, "--json").json
    other = letter.run("send", "plain", "--all", "--at", "2091-01-01 08:00", "--detach", "--yes")
    ran = letter.ok("run-due", "--json")
    due = ran.json

    assert ran.lines == ["nothing is due; next: plain-1 at 2090-01-01 08:00 UTC"]
    assert (planned["state"], planned["pending"], planned["schedule"]) == (
        "planned",
        4,
        "2090-01-01T08:00:00+00:00",
    )
    assert (again["dispatch"], due, outbox(letter)) == (planned["dispatch"], [], 0)
    assert (other.code, len(other.lines)) == (2, 2)
    assert "planned for 2090-01-01" in other.err
    assert "2090-01-01 08:00 UTC" in letter.ok("status", "plain-1").out


def fall_due(letter: Letter, time: str) -> None:
    """What the passing of time does: the batches that are due at *time* are due now."""
    with closing(sqlite3.connect(letter.root / "newsletter.db")) as database:
        changed = database.execute(
            "UPDATE batch SET ready_at = '2020-01-01 00:00:00.000000' WHERE ready_at LIKE ?", (f"{time}%",)
        ).rowcount
        database.commit()
    assert changed == 1


def test_what_fell_due_is_handed_over_and_the_rest_when_it_does(letter: Letter) -> None:
    """In Berlin it is eight o'clock an hour before it is in London; each run hands over what is due."""
    letter.ok("subscribers", "add", "ann@example.com", "--time-zone", "Europe/Berlin")
    at = ("--at", "2090-01-01 08:00", "--local", "--detach", "--yes")
    letter.ok("send", "plain", "--all", *at)
    fall_due(letter, "2090-01-01 07:00")

    first = letter.ok("run-due")
    early = outbox(letter)
    waiting = letter.ok("run-due")
    fall_due(letter, "2090-01-01 08:00")
    second = letter.ok("run-due")
    after = letter.ok("run-due")

    assert early == 1
    assert first.lines[-1] == "plain-1: running, 1 accepted, 3 pending"
    assert waiting.lines == ["nothing is due; next: plain-1 at 2090-01-01 08:00 UTC"]
    assert (second.lines[-1], outbox(letter)) == ("plain-1: finished, 4 accepted, 0 pending", 4)
    assert after.lines == ["nothing is due, and nothing is planned for later"]


def test_run_due_names_what_is_planned_but_paused(letter: Letter) -> None:
    letter.ok("send", "plain", "--all", "--at", "2090-01-01 08:00", "--detach", "--yes")
    letter.ok("pause", "plain-1")

    told = letter.ok("run-due").lines

    assert told == ["nothing is due; plain-1 is paused: `newsletter resume plain-1 --yes` goes on"]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--at", "noon"), "is no time to send at"),
        (("--at", "2020-01-01 08:00"), "is past"),
        (("--local",), "`--local` needs `--at TIME`"),
        (("--detach",), "`--detach` needs `--at TIME`"),
    ],
)
def test_a_time_that_is_none_is_told_in_two_lines(
    letter: Letter, options: tuple[str, ...], what: str
) -> None:
    done = letter.run("send", "plain", "--all", *options, "--yes")

    assert (done.code, len(done.lines)) == (2, 2)
    assert what in done.err
    assert not (letter.root / "newsletter.db-wal").exists() or outbox(letter) == 0


def test_a_dry_run_tells_who_would_be_skipped(letter: Letter) -> None:
    path = letter.root / "issues" / "plain.md"
    path.write_text(path.read_text("utf-8").replace(' | default("reader")', ""), encoding="utf-8")
    done = letter.ok("send", "plain", "--all", "--dry-run", "--json")

    assert done.json["would_skip"] == {"missing value: {{ subscriber.first_name }}": 1}
    assert "1 missing value: {{ subscriber.first_name }}" in done.err
    assert letter.ok("status", "--json").json == []


def test_too_many_rejections_halt_it_and_it_goes_on_when_resumed(bare: Letter) -> None:
    """Two lines on stderr say why, and how to go on."""
    (bare.root / "people.csv").write_text(PEOPLE, encoding="utf-8")
    bare.ok("subscribers", "import", "people.csv", "--consent", "test")
    bare.environment["NEWSLETTER_DELIVERY__STOP_AFTER"] = "25% of 20"
    bare.environment["NEWSLETTER_SMTP__CONNECTIONS"] = "1"
    with smtp_server(lambda step, _: "550 5.1.1 nobody" if step == "RCPT" else None) as server:
        bare.environment["NEWSLETTER_SMTP__PORT"] = str(server.port)
        done = bare.run("send", "plain", "--all", "--provider", "smtp", "--yes")
        status = bare.ok("status", "plain-1", "--json").json

    assert (done.code, status["state"]) == (1, "paused")
    assert (status["rejected"], status["pending"]) == (20, 25)
    assert done.lines[-2].startswith(
        "error: plain-1: halted: 20 of the last 20 were rejected (25% of 20): 550"
    )
    assert "`newsletter resume plain-1 --yes` goes on with the 25 who are pending" in done.lines[-1]
    with smtp_server() as server:
        bare.environment["NEWSLETTER_SMTP__PORT"] = str(server.port)
        again = bare.run("send", "plain", "--all", "--provider", "smtp", "--yes")
        assert again.code == 1, "only `resume` is a person's word; a script may run `send` again"
        assert "error: plain-1: it is halted: 20 of the last 20" in again.err
        assert bare.ok("status", "plain-1", "--json").json["pending"] == 25
        assert bare.run("resume", "plain-1", "--yes", "--json").json["accepted"] == 25


def test_rejected_recipients_are_tried_again_when_a_person_says_why(
    letter: Letter, smtp: tuple[int, list[EmailMessage]]
) -> None:
    """The reasons are counted and shown first; who was refused for the address is not among them."""

    def replies(step: str, line: str) -> str | None:
        if step == "RCPT":
            return "550 5.1.1 no such user" if "ann@" in line else "500 5.3.0 relay not configured"
        return None

    with smtp_server(replies) as server:
        letter.environment["NEWSLETTER_SMTP__PORT"] = str(server.port)
        assert letter.run("send", "plain", "--all", "--provider", "smtp", "--yes").code == 5
    letter.environment["NEWSLETTER_SMTP__PORT"] = str(smtp[0])
    assert "`--rejected` needs `--reason TEXT`" in letter.run("retry", "plain-1", "--rejected", "--yes").err

    done = letter.run("retry", "plain-1", "--rejected", "--reason", "mended", "--yes", "--json")

    assert "3 as: 500 5.3.0 relay not configured" in done.err
    assert "1 whose address was refused" in done.err
    assert (done.json["accepted"], done.json["rejected"], done.json["state"]) == (3, 1, "finished")
    assert len(smtp[1]) == 3
    nobody = letter.run("retry", "plain-1", "--rejected", "--reason", "mended", "--yes")
    assert "nobody of plain-1 was rejected and may be tried again" in nobody.err


def test_failed_recipients_are_tried_again_and_a_report_is_kept(
    letter: Letter, smtp: tuple[int, list[EmailMessage]]
) -> None:
    """`retry` hands over at once; the report tells of both tries, as Markdown and as JSON."""
    with smtp_server(lambda step, _: "hang up" if step == "." else None) as server:
        letter.environment["NEWSLETTER_SMTP__PORT"] = str(server.port)
        letter.run("send", "plain", "--all", "--provider", "smtp", "--yes")
    assert letter.ok("status", "plain-1", "--json").json["uncertain"] == 4
    (letter.root / "got-it.txt").write_text("ann@example.com\n", encoding="utf-8")
    settled = letter.ok("reconcile", "plain-1", "--delivered", "got-it.txt", "--yes")
    assert "settled: 1" in settled.err
    assert "3 recipients still in doubt" in settled.err
    letter.ok("reconcile", "plain-1", "--failed", "all", "--reason", "not in the log", "--yes")
    for more in (["--delivered", "got-it.txt"], ["--accepted", "all"]):
        done = letter.ok("reconcile", "plain-1", *more)
        assert "nobody is in doubt; there is nothing to settle" in done.err
        assert "settled: 0" not in done.err
    letter.environment["NEWSLETTER_SMTP__PORT"] = str(smtp[0])
    retried = letter.ok("retry", "plain-1", "--yes", "--json").json
    letter.ok("report", "plain-1", "-o", "report.md")
    letter.ok("report", "plain-1", "-o", "report.json")

    assert (retried["accepted"], retried["failed"], retried["state"]) == (4, 0, "finished")
    assert {message["To"] for message in smtp[1]} >= {"dee@example.com"}
    assert len(smtp[1]) == 3
    report = json.loads((letter.root / "report.json").read_text(encoding="utf-8"))
    assert report["outcomes"]["accepted"] == 4
    assert {(each["before"], each["after"]) for each in report["settled"]} == {
        ("uncertain", "accepted"),
        ("uncertain", "failed"),
        ("failed", "pending"),
    }
    assert "| accepted | 4 | 100.0% |" in (letter.root / "report.md").read_text(encoding="utf-8")
    assert (
        letter.ok("log", "plain-1", "--domain", "example.com", "--since", "1h", "--json").out.count("\n") == 2
    )
    assert letter.run("report", "plain-1", "-o", "missing/report.md").code == 1
    unknown = letter.run("report", "plain-1", "-o", "report.pdf")
    assert (unknown.code, len(unknown.lines)) == (2, 2)
    assert "report.pdf: a report cannot be written as `.pdf`" in unknown.lines[0]
    assert not (letter.root / "report.pdf").exists()
    letter.ok("report", "plain-1", "-o", "report.htm", "--format", "markdown")
    moments = [line.split("\t")[5] for line in letter.ok("log", "plain-1").out.splitlines()]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00", moment) for moment in moments)


def test_who_got_the_issue_from_another_dispatch_meanwhile_is_told_of(
    letter: Letter, smtp: tuple[int, list[EmailMessage]]
) -> None:
    """Taken for lost, they were in the next audience; to try them again now would mail them twice."""
    with smtp_server(lambda step, _: "hang up" if step == "." else None) as server:
        letter.environment["NEWSLETTER_SMTP__PORT"] = str(server.port)
        letter.run("send", "plain", "--all", "--provider", "smtp", "--yes")
    letter.ok("reconcile", "plain-1", "--failed", "all", "--reason", "not in the log", "--yes")
    letter.environment["NEWSLETTER_SMTP__PORT"] = str(smtp[0])
    letter.ok("send", "plain", "--where", 'email != "ann@example.com"', "--provider", "smtp", "--yes")

    foreseen = letter.ok("retry", "plain-1", "--dry-run", "--json")
    assert "dry run; 1 subscriber of plain-1 would be tried again" in foreseen.err
    assert (foreseen.json["retried"], foreseen.json["failed"], len(smtp[1])) == (1, 4, 3)
    twice = ("--email", "Ann@example.com", "--email", "ann@example.com")
    assert "left alone" not in letter.ok("retry", "plain-1", *twice, "--dry-run").err, "it is one person"
    stranger = letter.run("retry", "plain-1", "--email", "nobody@example.com")
    assert (stranger.code, "`--yes`" in stranger.err) == (2, False), "it is refused before it is asked"
    retried = letter.run("retry", "plain-1", "--yes")

    assert "left alone: 3 subscribers who got the issue from another dispatch since, or will" in retried.err
    assert len({message["To"] for message in smtp[1]}) == len(smtp[1]) == 4


def test_each_dispatch_leaves_a_report_where_the_settings_say(letter: Letter) -> None:
    """As `newsletter report` tells it; a folder that cannot be made does not spoil the run."""
    letter.environment["NEWSLETTER_DELIVERY__REPORTS"] = "kept/reports"
    done = letter.ok("send", "plain", "--all", "--yes", "--json")
    kept = letter.root / "kept" / "reports" / "plain-1.md"
    assert kept.read_text(encoding="utf-8") == letter.ok("report", "plain-1").out
    assert "report: " in done.err
    assert done.json["accepted"] == 4

    (letter.root / "kept" / "file").touch()
    letter.environment["NEWSLETTER_DELIVERY__REPORTS"] = "kept/file/reports"
    done = letter.ok("send", "plain", "--all", "--again", "--yes")
    assert "warning: the report was not written: " in done.err
    assert letter.ok("status", "plain-2", "--json").json["accepted"] == 4


def test_dispatches_are_chosen_by_state_and_time(letter: Letter) -> None:
    letter.ok("send", "plain", "--segment", "german-builders", "--yes")
    letter.ok("send", "plain", "--all", "--at", "2090-01-01 08:00", "--detach", "--yes")

    def chosen(*options: str) -> list[str]:
        return [each["dispatch"] for each in letter.ok("status", *options, "--json").json]

    assert chosen("--state", "finished") == ["plain-1"]
    assert chosen("--since", "1h") == ["plain-2", "plain-1"]
    assert chosen("--issue", "other") == []
    assert letter.run("status", "plain-1", "--state", "finished").code == 2


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ('[delivery]\nquiet_hours = "night"\n', "`delivery.quiet_hours` is no span of the day"),
        ('[delivery]\nstop_after = "many"\n', "`delivery.stop_after` is no share"),
        ("[delivery]\nwarm_up = [0]\n", "`delivery.warm_up.0`"),
        ('[delivery.domains]\n"gmail.com" = "fast"\n', "is no rate"),
        ('[delivery.domains]\n"no domain" = "1/second"\n', "is no domain"),
    ],
)
def test_a_pace_that_is_none_is_told(bare: Letter, settings: str, what: str) -> None:
    path = bare.root / "newsletter.toml"
    path.write_text(path.read_text("utf-8") + settings, encoding="utf-8")
    done = bare.run("status")

    assert (done.code, len(done.lines)) == (3, 2)
    assert what in done.err
