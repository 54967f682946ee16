"""The commands about topics, pauses, retention, keys and backups, as processes."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import plan, run
from fakes.providers import ScriptedProvider
from webclient import WebClient

from newsletter.config import load_publication
from newsletter.delivery import forget_recipient
from newsletter.migrations import open_database
from newsletter.public import create_app
from subscribers import Status, SubscriberStore, SuppressionReason, Tokens
from subscribers.transfer import import_file

if TYPE_CHECKING:
    from acceptance.conftest import Letter


def about(letter: Letter, topic: str) -> None:
    """Make the issue `plain` one about a topic."""
    path = letter.root / "issues" / "plain.md"
    path.write_text(path.read_text("utf-8").replace("---\n", f"---\ntopic: {topic}\n", 1), encoding="utf-8")


def test_an_issue_with_a_topic_is_for_who_chose_it(letter: Letter) -> None:
    """Without a segment, too; and who left the topic is told apart from who never chose it."""
    letter.ok("topics", "add", "product", "--name", "Product news")
    for name in ("ann", "eve"):
        letter.ok("subscribers", "add", f"{name}@example.com", "--topic", "product")
    letter.ok("subscribers", "unsubscribe", "eve@example.com", "--topic", "product", "--yes")
    about(letter, "product")

    report = letter.ok("send", "plain", "--all", "--yes", "--json").json

    assert (report["accepted"], report["excluded"]["left the topic"]) == (1, 1)
    shown = letter.ok("topics", "show", "product", "--json").json
    assert shown == {"slug": "product", "name": "Product news", "subscribed": 1, "pending": 0, "left": 1}
    assert letter.ok("subscribers", "show", "eve@example.com", "--json").json["left_topics"] == ["product"]
    assert letter.ok("topics", "list").out.split("\t")[:2] == ["product", "Product news"]
    assert letter.run("topics", "remove", "product").code == 2
    letter.ok("topics", "remove", "product", "--yes")


def test_adding_says_what_it_did_not_do_and_keeps_every_consent(letter: Letter) -> None:
    """A topic that was left stays left, a topic that is new may be a slip, and each consent is on record."""
    letter.ok("topics", "add", "product")
    letter.ok("subscribers", "add", "eve@example.com", "--topic", "product", "--consent", "one")
    letter.ok("subscribers", "unsubscribe", "eve@example.com", "--topic", "product", "--yes")

    again = letter.ok("subscribers", "add", "eve@example.com", "--topic", "product", "--consent", "two")
    slip = letter.ok("subscribers", "add", "eve@example.com", "--topic", "prodct")

    assert "left `product` and does not have it again" in again.err
    assert "the topic `prodct` is new; did you mean `product`?" in slip.err
    lines = letter.ok("subscribers", "show", "eve@example.com", "--json").json["consent"]
    assert [line["text"] for line in lines if line["text"]] == ["one", "two"]


def test_a_topic_that_there_is_not_is_an_error(letter: Letter) -> None:
    letter.ok("topics", "add", "product")
    about(letter, "prodct")

    done = letter.run("send", "plain", "--all", "--yes")

    assert (done.code, done.lines) == (
        2, ["error: there is no topic `prodct`", "hint: did you mean `product`?"]
    )  # fmt: skip


def test_who_is_paused_gets_nothing_until_then(letter: Letter) -> None:
    letter.ok("subscribers", "pause", "ann@example.com", "--for", "30d")
    assert letter.ok("send", "plain", "--all", "--dry-run", "--json").json["excluded"] == {"paused": 1}

    letter.ok("subscribers", "resume", "ann@example.com")
    assert letter.ok("send", "plain", "--all", "--dry-run", "--json").json["excluded"] == {}
    for options in ((), ("--until", "2020-01-01")):
        done = letter.run("subscribers", "pause", "ann@example.com", *options)
        assert (done.code, done.lines[0][:6], done.lines[1][:5]) == (2, "error:", "hint:")


def test_a_suppression_is_taken_back_by_permit_alone(letter: Letter) -> None:
    letter.ok("subscribers", "suppress", "ann@example.com", "--why", "Letter of 3 May")

    assert letter.run("subscribers", "add", "ann@example.com", "--asked", "by mail").code == 1
    assert letter.ok("send", "plain", "--all", "--dry-run", "--json").json["excluded"] == {"suppressed": 1}
    letter.ok("subscribers", "permit", "ann@example.com")
    assert letter.ok("send", "plain", "--all", "--dry-run", "--json").json["excluded"] == {}


def test_erasing_reaches_the_ledger_and_the_outbox(letter: Letter) -> None:
    letter.ok("send", "plain", "--all", "--yes")
    before = len(list((letter.root / "outbox").rglob("*.eml")))

    letter.ok("subscribers", "erase", "ann@example.com", "--yes")

    assert len(list((letter.root / "outbox").rglob("*.eml"))) == before - 1
    for file in letter.root.glob("newsletter.db*"):
        assert b"ann@example.com" not in file.read_bytes().lower()


def test_retention_is_by_the_settings(letter: Letter) -> None:
    """Nobody is forgotten without being asked about, and nothing where nothing is due."""
    done = letter.ok("subscribers", "expire", "--json")

    assert done.json == {"unconfirmed": 0, "left": 0, "unconfirmed_topics": 0, "events": 0, "dry_run": False}


def test_statistics_are_a_table_and_on_a_terminal_a_chart(letter: Letter) -> None:
    letter.ok("subscribers", "unsubscribe", "ann@example.com", "--yes")
    found = letter.ok("subscribers", "stats", "--months", "2", "--json").json
    assert found["statuses"]["unsubscribed"] == 1
    # A month may end between the two commands.
    assert [len(found["months"]), sum(month["unsubscribed"] for month in found["months"])] == [2, 1]
    table = letter.ok("subscribers", "stats", "--months", "2").out.splitlines()
    assert table[0].split("\t") == ["month", "active", "joined", "returned", "lost", "net", "churn"]
    assert len(table) == 3

    shown = letter.on_terminal("subscribers", "stats", streams=("stdout",), NO_COLOR="1", COLUMNS="100")
    assert "█" in shown


def test_erasing_tells_where_else_the_address_stands_and_leaves_these_files_alone(letter: Letter) -> None:
    """By file and line, in whatever case; not where another address has it as a part, nor in Git's own files."""
    theme, hidden, other = letter.root / "themes" / "own", letter.root / ".git", letter.root / "other.csv"
    for folder in (theme, hidden):
        folder.mkdir(parents=True)
    issue = letter.root / "issues" / "plain.md"
    issue.write_text(issue.read_text(encoding="utf-8") + "\nThanks to Ann@Example.COM.\n", encoding="utf-8")
    (theme / "footer.mjml").write_text(
        "<!-- ask <ann@example.com>, or\nann@example.com -->\n", encoding="utf-8"
    )
    (hidden / "log").write_text("ann@example.com\n", encoding="utf-8")
    other.write_text("email\njoann@example.com\nann@example.com.au\nann@example.com-x\n", encoding="utf-8")
    (letter.root / "none.txt").touch()
    (letter.root / "loop").symlink_to("loop")
    letter.ok("segments", "add", "her", 'email == "ann@example.com"')
    letter.ok("db", "backup", "copy.db")
    letter.ok("test", "plain", "ann@example.com")
    people = letter.root / "people.csv"
    number = next(
        at for at, line in enumerate(people.read_text(encoding="utf-8").splitlines(), 1) if "ann@" in line
    )
    before = {
        path: path.read_bytes() for path in (issue, theme / "footer.mjml", people, letter.root / "copy.db")
    }

    done = letter.ok("subscribers", "erase", "ann@example.com", "--yes")

    found = [line for line in done.lines if line.endswith(": ann@example.com still stands here")]
    told = {Path(line.split(": ")[1]).relative_to(letter.root.resolve()).as_posix() for line in found}
    mine = len(issue.read_text(encoding="utf-8").splitlines())
    outbox = {place for place in told if place.startswith("outbox/")}
    assert told - outbox == {
        f"issues/plain.md:{mine}",
        "themes/own/footer.mjml:1",
        "themes/own/footer.mjml:2",
        f"people.csv:{number}",
        "copy.db",
    }
    assert outbox, "the test message is in the ledger of nobody, so it is still there"
    assert {path: path.read_bytes() for path in before} == before
    assert "ann@example.com" not in letter.ok("segments", "list").out


def test_erasing_says_no_more_where_nothing_is_left(letter: Letter) -> None:
    (letter.root / "people.csv").unlink()

    done = letter.ok("subscribers", "erase", "ann@example.com", "--yes")

    assert done.lines == ["erased"]


def test_keys_are_rotated_and_never_shown(letter: Letter) -> None:
    letter.ok("keys", "rotate")
    listed = letter.ok("keys", "list", "--json").json

    assert [(row["key"], row["signs"]) for row in listed] == [(1, False), (2, True)]
    assert all(set(row) == {"key", "made", "signs"} for row in listed)


def test_a_backup_is_restored_only_with_yes(letter: Letter) -> None:
    letter.ok("db", "backup", "copy.db")
    letter.ok("subscribers", "add", "late@example.com")

    assert letter.run("db", "restore", "copy.db").code == 2
    assert letter.ok("subscribers", "show", "late@example.com").code == 0
    done = letter.ok("db", "restore", "copy.db", "--yes")

    assert "newsletter.db.replaced" in done.err
    assert letter.run("subscribers", "show", "late@example.com").code == 1
    assert {file.stat().st_mode & 0o777 for file in letter.root.glob("*.db*")} == {0o600}


@pytest.mark.parametrize("parameters", ["", "?timeout=30"])
def test_who_left_since_a_backup_is_named_after_restoring_it_and_taken_off_by_one_command(
    letter: Letter, parameters: str
) -> None:
    """Whatever parameters the URL of the database has."""
    letter.environment["NEWSLETTER_DATABASE__URL"] = f"sqlite:///newsletter.db{parameters}"
    for name in ("stays", "leaves", "erased"):
        letter.ok("subscribers", "add", f"{name}@example.org")
    letter.ok("db", "backup", "copy.db")
    letter.ok("subscribers", "unsubscribe", "leaves@example.org", "--yes")
    letter.ok("subscribers", "erase", "erased@example.org", "--yes")

    done = letter.ok("db", "restore", "copy.db", "--yes")

    assert "2 people who left since the backup are on the list again" in done.err
    assert "1 of them had been erased" in done.err
    listed = letter.root / "newsletter.db.replaced.left.csv"
    assert listed.read_text().split() == [
        "email,status",
        "erased@example.org,unsubscribed",
        "leaves@example.org,unsubscribed",
    ]
    letter.ok("subscribers", "import", listed.name, "--consent", "Left before a restore")
    states = {
        name: letter.ok("subscribers", "show", f"{name}@example.org", "--json").json["status"]
        for name in ("stays", "leaves", "erased")
    }
    assert states == {"stays": "active", "leaves": "unsubscribed", "erased": "unsubscribed"}


def test_a_damaged_database_is_moved_away_for_a_backup_and_another_programs_is_not(letter: Letter) -> None:
    """Each in a line or two, and every byte is still there."""
    letter.ok("db", "backup", "copy.db")
    database = letter.root / "newsletter.db"
    half = database.read_bytes()[: database.stat().st_size // 2]
    database.write_bytes(half)
    told = letter.run("subscribers", "list")
    assert (told.code, told.lines[1]) == (
        3, "hint: put a backup in its place by `newsletter db restore`"
    )  # fmt: skip

    done = letter.ok("db", "restore", "copy.db", "--yes")

    kept = letter.root / "newsletter.db.damaged"
    assert kept.read_bytes() == half
    assert f"what was there is in {kept}" in done.err
    assert "has no list that can be read: who left since the backup may be on the list again" in done.err
    assert letter.ok("subscribers", "list", "--json").json

    others = b"SQLite format 3\0 or so, but precious to somebody"
    database.write_bytes(others)
    refused = letter.run("db", "restore", "copy.db", "--yes")
    assert (refused.code, len(refused.lines)) == (3, 2)
    assert database.read_bytes() == others


def test_where_nobody_left_restoring_says_so(letter: Letter) -> None:
    letter.ok("db", "backup", "copy.db")

    done = letter.ok("db", "restore", "copy.db", "--yes")

    assert "nobody left between the backup and now" in done.err
    assert not list(letter.root.glob("*.left.csv"))


def test_no_log_at_info_has_an_address(letter: Letter, caplog: pytest.LogCaptureFixture) -> None:
    """Logs are read by more people than the list, and are kept for longer."""
    caplog.set_level(logging.INFO)
    publication = load_publication(letter.root)
    engine = open_database(publication)
    store = SubscriberStore(engine)
    import_file(store, letter.root / "people.csv")
    store.add("new@example.com", status=Status.PENDING)
    store.suppress("cho@example.net", SuppressionReason.BOUNCED)
    plan(engine, ScriptedProvider())
    run(engine, ScriptedProvider())
    ann = store.find("ann@example.com")
    assert ann is not None
    client = WebClient(create_app(publication, engine))
    client.post(f"/unsubscribe/{Tokens(engine).sign('unsubscribe', ann.public_id)}")
    store.erase("ann@example.com", along=forget_recipient)
    engine.dispose()

    assert "@" not in caplog.text
    assert "@" not in json.dumps([record.getMessage() for record in caplog.records])


def test_what_people_read_is_to_the_second_and_in_the_words_of_expressions(letter: Letter) -> None:
    """JSON keeps the whole moment; a subscriber who is premium is so in the words that segments use."""
    letter.ok("subscribers", "add", "ann@example.com", "--set", "premium=true")
    letter.ok("subscribers", "pause", "ann@example.com", "--for", "30d")
    shown = dict(
        line.split("\t", 1) for line in letter.ok("subscribers", "show", "ann@example.com").out.splitlines()
    )
    (key,) = [line.split("\t") for line in letter.ok("keys", "list").out.splitlines()]

    second = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00"
    assert "premium = true" in shown["attributes"]
    assert re.fullmatch(second, shown["paused until"])
    assert re.fullmatch(second, key[1])
    assert "." in letter.ok("keys", "list", "--json").json[0]["made"]


def test_a_topic_is_called_by_a_slug(letter: Letter) -> None:
    done = letter.run("topics", "add", "bad topic")

    assert (done.code, len(done.lines)) == (2, 2)
    assert "`bad topic` cannot be the name of a topic" in done.lines[0]
    assert done.lines[1] == 'hint: write `newsletter topics add bad-topic --name "bad topic"`'
    assert letter.ok("topics", "list", "--json").json == []


def test_a_time_zone_that_is_none_is_left_out_and_told(letter: Letter) -> None:
    (letter.root / "zones.csv").write_text(
        "email,time_zone\neve@example.com,Berlin\nflo@example.com,Europe/Berlin\n", encoding="utf-8"
    )
    done = letter.ok("subscribers", "import", "zones.csv", "--consent", "test")

    assert "1 person imported without a time zone: there is no `Berlin`" in done.err
    assert letter.ok("subscribers", "list", "--where", 'time_zone == "Europe/Berlin"', "--json").json == [
        {"email": "flo@example.com", "name": "", "status": "active", "tags": []}
    ]


def test_a_segment_that_means_nobody_says_what_may_have_been_meant(letter: Letter) -> None:
    done = letter.ok("segments", "add", "slip", '"builder" in tags')
    shown = letter.ok("segments", "show", "slip")
    wrong = letter.run("segments", "add", "sql", 'country = "DE"')

    for told in (done, shown):
        assert "segment `slip` matches nobody" in told.err
        assert "nobody has the tag `builder`; did you mean `builders`?" in told.err
    assert (wrong.code, wrong.lines[1]) == (2, "hint: write `==`")


def test_settings_are_shown_with_their_source(letter: Letter) -> None:
    letter.environment["NEWSLETTER_DELIVERY__RATE"] = "5/second"
    shown = letter.ok("config", "show").out.splitlines()

    assert 'publication.name = "Test Letter"  # file' in shown
    assert 'delivery.rate = "5/second"  # environment' in shown
    assert "publication.reply_to = not set" in shown


def test_a_date_of_joining_that_cannot_be_read_costs_nobody_the_import(letter: Letter) -> None:
    (letter.root / "dated.csv").write_text(
        "email,Date joined\neve@example.com,31/12/2023\nflo@example.com,soon\n", encoding="utf-8"
    )
    done = letter.ok("subscribers", "import", "dated.csv", "--consent", "test")

    assert "1 person imported without the date of joining; line 3: `soon` is no date" in done.err
    assert "joined ← Date joined" in done.err + done.out
    found = letter.ok("subscribers", "list", "--where", 'joined == "2023-12-31"', "--json").json
    assert [each["email"] for each in found] == ["eve@example.com"]
