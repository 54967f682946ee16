"""The commands as processes: what they print, in the keys that programs rely on, and how they end."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fakes.smtp import HANG_UP, smtp_server
from sqlalchemy import create_engine, make_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from acceptance.conftest import Letter

REPORT = {
    "dispatch", "state", "issue", "digest", "recipients", "excluded",
    "accepted", "rejected", "failed", "skipped", "uncertain", "pending",
}  # fmt: skip


def test_a_new_publication_sends_its_first_issue(bare: Letter) -> None:
    """`init`, `subscribers add`, `send`: three commands to the first message."""
    made = bare.ok("init", bare.root / "mine", "--name", "Mine").out.split()
    mine = type(bare)(bare.root / "mine")
    mine.ok("subscribers", "add", "ann@example.com", "--first-name", "Ann", "--set", "size=3", "--tag", "x")
    report = mine.ok("send", "welcome", "--all", "--yes", "--json").json

    assert {path.rsplit("mine/", 1)[1] for path in made} >= {"newsletter.toml", "issues/welcome.md"}
    assert report["accepted"] == 1
    assert mine.ok("subscribers", "show", "ann@example.com", "--json").json["attributes"] == {"size": 3}


def test_making_a_publication_twice_is_refused(bare: Letter) -> None:
    """What is there is never overwritten."""
    before = (bare.root / "newsletter.toml").read_bytes()
    done = bare.run("init", bare.root)

    assert done.code == 2
    assert done.lines[0].startswith("error:")
    assert (bare.root / "newsletter.toml").read_bytes() == before


def test_new_makes_an_issue_and_prints_its_path(letter: Letter) -> None:
    """The path is alone on stdout, and the issue builds; a second one of that name is refused."""
    path = letter.ok("new", "Grüße aus Köln", "--date", "2026-05-03").out.strip()
    again = letter.run("new", "Grüße aus Köln", "--date", "2026-05-03")

    assert path.endswith("issues/2026-05-03-grusse-aus-koln.md")
    assert letter.ok("build", path).code == 0
    assert (again.code, again.lines[0].split(":")[0]) == (4, "error")


def test_build_tells_its_keys(letter: Letter) -> None:
    """One document on stdout; the files are there; the same input gives the same digest."""
    first, second = (letter.ok("build", "plain", "--json").json for _ in range(2))

    assert set(first) == {
        "slug", "subject", "preheader", "digest", "html_bytes", "text_bytes", "merge_tags", "files"
    }  # fmt: skip
    assert first["digest"] == second["digest"]
    assert [Path(path).stat().st_size > 0 for path in first["files"]] == [True] * 3
    assert 'subscriber.first_name | default("reader")' in first["merge_tags"]


def test_build_as_somebody_is_their_mail(letter: Letter) -> None:
    """Their values, their branch, their links."""
    letter.ok("build", "plain", "--as", "cho@example.net", "-o", letter.root / "out")
    text = (letter.root / "out" / "plain.txt").read_text(encoding="utf-8")

    assert "Good morning, 王小明." in text
    assert "Only builders" in text
    assert "https://news.example.com/unsubscribe/" in text


def test_check_ends_with_4_only_for_errors(letter: Letter) -> None:
    """The findings are the same in each format."""
    assert letter.ok("check", "plain", "--format", "json").json == {"findings": []}
    path = letter.root / "issues" / "plain.md"
    path.write_text(path.read_text("utf-8").replace("https://example.com/there", "#"), encoding="utf-8")
    told, sarif = (
        letter.run("check", "plain", "--format", "json"),
        letter.run("check", "plain", "--format", "sarif"),
    )
    (finding,) = told.json["findings"]

    assert (told.code, sarif.code, letter.run("check", "plain").code) == (4, 4, 4)
    assert set(finding) == {
        "rule", "severity", "file", "line", "column", "message", "hint", "clients", "link"
    }  # fmt: skip
    assert sarif.json["runs"][0]["results"][0]["ruleId"] == finding["rule"] == "link-empty"
    assert letter.run("send", "plain", "--all", "--yes").code == 4
    assert not (letter.root / "outbox").exists()


def test_an_import_tells_its_keys_and_can_be_repeated(bare: Letter) -> None:
    """The second run of the same file changes nobody."""
    first = bare.ok("subscribers", "import", "people.csv", "--consent", "test", "--json").json
    second = bare.ok("subscribers", "import", "people.csv", "--consent", "test", "--json").json

    assert first == {
        "created": 4,
        "updated": 0,
        "unchanged": 0,
        "skipped": 0,
        "invalid": 0,
        "resumed": 0,
        "unsubscribed": 0,
        "beyond_ascii": 0,
        "role_addresses": 0,
        "disposable_addresses": 0,
        "likely_typos": {},
        "lines_of_windows_1252": 0,
        "unknown_time_zones": {},
        "unreadable_dates": {"count": 0, "line": None, "reason": None},
        "guessed_dates": {"count": 0, "line": None},
        "lists": {"topics": {}, "tags": {}},
        "preset": None,
        "columns": {name: name for name in ("email", "first_name", "country", "tags")},
        "types": {"country": "text"},
        "ignored": [],
        "rejects_file": None,
        "reasons": [],
    }
    assert (second["created"], second["unchanged"]) == (0, 4)


def test_an_import_sets_bad_rows_aside(bare: Letter) -> None:
    """They are in the rejects file, with line and reason; the others are imported."""
    (bare.root / "people.csv").write_text(
        "email,first_name\nann@example.com,Ann\nnobody,Bob\n", encoding="utf-8"
    )
    report = bare.ok("subscribers", "import", "people.csv", "--consent", "test", "--json").json
    rejects = Path(report["rejects_file"]).read_text(encoding="utf-8")

    assert (report["created"], report["invalid"]) == (1, 1)
    assert "3" in rejects
    assert "nobody" in rejects


def test_who_left_is_never_brought_back_by_an_import(letter: Letter) -> None:
    """The import says that somebody was skipped."""
    letter.ok("subscribers", "unsubscribe", "ann@example.com", "--yes")
    report = letter.ok("subscribers", "import", "people.csv", "--consent", "test", "--json").json

    assert report["skipped"] == 1
    assert letter.ok("subscribers", "show", "ann@example.com", "--json").json["status"] == "unsubscribed"


def test_an_import_says_what_became_of_the_columns(bare: Letter) -> None:
    """Which field came from where, what kind the attributes are, and who must not be mailed."""
    (bare.root / "people.csv").write_text(
        "Email,Vorname,Beitritt,company_size,Opted out\nann@example.com,Ann,2025-01-31,7,no\n"
        "jürgen@example.com,Bob,,,yes\n",
        encoding="utf-8",
    )
    told = bare.ok("subscribers", "import", "people.csv", "--consent", "test")

    assert told.out == ""
    assert (
        "columns    email ← Email; first_name ← Vorname; joined ← Beitritt; "
        "attributes: company_size (number), opted_out (text)"
    ) in told.err
    assert "`Opted out` read as consent: 1 person taken as unsubscribed" in told.err
    assert "1 address needs SMTPUTF8" in told.err
    assert [person["status"] for person in bare.ok("subscribers", "list", "--json").json] == [
        "active", "unsubscribed"
    ]  # fmt: skip


def test_who_left_comes_back_when_they_asked(letter: Letter) -> None:
    """The refusal names the way, and the way works; the log keeps what the person said."""
    letter.ok("subscribers", "unsubscribe", "ann@example.com", "--yes")
    refused = letter.run("subscribers", "add", "ann@example.com")
    empty = letter.run("subscribers", "add", "ann@example.com", "--asked", " ")
    both = letter.run("subscribers", "add", "ann@example.com", "--asked", "By mail", "--consent", "x")

    assert (refused.code, empty.code, both.code) == (1, 2, 2)
    assert "newsletter subscribers add ann@example.com --asked" in refused.lines[1]
    letter.ok("subscribers", "add", "ann@example.com", "--asked", "By mail, 3 May 2026")
    ann = letter.ok("subscribers", "show", "ann@example.com", "--json").json
    last = ann["consent"][-1]
    assert ann["status"] == "active"
    assert (last["kind"], last["source"], last["text"]) == ("opt_in", "command line", "By mail, 3 May 2026")


def test_an_empty_list_is_said_to_be_empty(bare: Letter) -> None:
    """On stderr, with the command that fills it; stdout stays empty."""
    people, saved = bare.ok("subscribers", "list"), bare.ok("segments", "list")

    assert (people.out, saved.out) == ("", "")
    assert "newsletter subscribers import FILE" in people.err
    assert "newsletter segments add NAME" in saved.err


def test_a_segment_of_nobody_is_said_to_be_one(letter: Letter) -> None:
    """A list with people on it is not called empty."""
    assert "nobody on the list is meant" in letter.ok("subscribers", "list", "--where", 'country == "X"').err
    assert "newsletter subscribers import" not in letter.ok("subscribers", "list").err


def test_an_import_shows_on_a_terminal_how_far_it_is(bare: Letter) -> None:
    """And only there; the line is gone in the end."""
    seen = bare.on_terminal("subscribers", "import", "people.csv", "--consent", "test")

    assert "importing" in seen
    assert "4/4" in seen
    assert "rows/s" in seen
    assert "importing" not in bare.ok("subscribers", "import", "people.csv", "--consent", "test").err


def test_an_import_needs_a_reason_to_write_to_these_people(bare: Letter) -> None:
    """Only a dry run does not; that shows the columns and types, and writes nothing."""
    refused = bare.run("subscribers", "import", "people.csv")
    told = bare.ok("subscribers", "import", "people.csv", "--dry-run")

    assert (refused.code, "--consent" in refused.lines[1]) == (2, True)
    assert "nothing was written" in told.err
    assert "country (text)" in told.err
    assert bare.ok("subscribers", "list", "--json").json == []


def test_an_import_reads_standard_input_and_other_services(bare: Letter) -> None:
    """A preset that does not fit is a usage error."""
    lines = '{"email": "info@gmial.com", "metadata": {"city": "Bonn"}}\n'
    done = bare.run("subscribers", "import", "-", "--consent", "Moved", stdin=lines)

    assert done.code == 0, done.err
    assert "1 address at gmial.com: did they mean gmail.com?" in done.err
    assert "1 address of an office" in done.err
    assert bare.ok("subscribers", "show", "info@gmial.com", "--json").json["attributes"] == {"city": "Bonn"}
    assert bare.run("subscribers", "import", "people.csv", "--preset", "postbox", "--consent", "x").code == 2


def test_adding_a_doubtful_address_warns(bare: Letter) -> None:
    """And adds it."""
    told = bare.ok("subscribers", "add", "info@hotmial.com")

    assert "warning: info@hotmial.com is read by an office rather than a person" in told.lines
    assert "did you mean `hotmail.com`?" in told.err


def test_all_that_is_known_of_one_person_is_exported(letter: Letter) -> None:
    """With what was sent; of somebody erased, only that the address is not mailed."""
    letter.ok("send", "plain", "--all", "--yes")
    ann = letter.ok("subscribers", "export", "--of", "ANN@example.com").json
    letter.ok("subscribers", "erase", "ann@example.com", "--yes")
    erased = letter.ok("subscribers", "export", "--of", "ann@example.com").json

    assert (ann["email"], ann["tags"], ann["attributes"]) == (
        "ann@example.com",
        ["builders"],
        {"country": "DE"},
    )
    assert (ann["suppressed"], ann["consent"][0]["text"]) == (None, "test")
    assert [(sent["issue"], sent["state"]) for sent in ann["deliveries"]] == [("plain", "accepted")]
    assert (erased["suppressed"], erased["deliveries"], "status" in erased) == ("erased", [], False)
    assert letter.run("subscribers", "export", "--of", "nobody@example.com").code == 1
    assert letter.run("subscribers", "export", "--of", "ann@example.com", "--segment", "everybody").code == 2


def test_a_backup_is_not_written_over_a_file(letter: Letter) -> None:
    """Another name, or `--force`."""
    letter.ok("db", "backup", letter.root / "copy.db")
    again = letter.run("db", "backup", letter.root / "copy.db")

    assert (again.code, "--force" in again.lines[1]) == (3, True)
    letter.ok("db", "backup", letter.root / "copy.db", "--force")


def test_the_doctor_tells_wrong_settings_once(bare: Letter) -> None:
    """Nothing else can be tried without them."""
    (bare.root / "newsletter.toml").write_text("[publication]\nnmae = 1\n", encoding="utf-8")
    done = bare.run("doctor")

    assert done.code == 3
    assert done.err.count("error:") == 1
    assert "provider" not in done.err


def test_the_doctor_finds_a_theme_that_is_none_and_looks_at_all_else(bare: Letter) -> None:
    """Before an issue is late for it."""
    bare.environment["NEWSLETTER_PUBLICATION__THEME"] = "leter"
    done = bare.run("doctor")

    assert done.code == 4
    assert "wrong theme" in done.err
    assert "did you mean `letter`?" in done.err
    assert "ok    list: 0 subscribers" in done.err


def test_a_choice_that_no_dispatch_fits_is_not_told_as_if_nothing_was_sent(letter: Letter) -> None:
    assert "nothing was ever sent" in letter.ok("status").err
    letter.ok("send", "plain", "--all", "--at", "2090-01-01 08:00", "--detach", "--yes")

    assert "no dispatch is like that" in letter.ok("status", "--state", "finished").err


def test_help_tells_each_command_in_a_whole_sentence_by_chapters(bare: Letter) -> None:
    told = bare.ok("--help").out

    assert "...\n" not in told.replace("[ARGS]...", "")
    assert "...\n" not in bare.ok("subscribers", "--help").out.replace("[ARGS]...", "")
    assert [line for line in told.splitlines() if line.endswith(":") and line[0] != " "] == [
        "Options:",
        "Write:",
        "The list:",
        "Send:",
        "What readers reach:",
        "Keep in order:",
    ]


def test_a_role_without_rights_is_told_what_it_needs(
    bare: Letter, new_postgres_url: Callable[[str], str]
) -> None:
    """And not to look at the disk."""
    url = make_url(new_postgres_url("template1"))
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("CREATE ROLE guest LOGIN")
    admin.dispose()
    bare.environment["NEWSLETTER_DATABASE__URL"] = url.set(username="guest").render_as_string()

    done = bare.run("db", "upgrade")

    assert (done.code, "permission denied" in done.err) == (1, True)
    assert "own the database" in done.err


def test_a_dispatch_that_nobody_works_on_is_told_of(letter: Letter) -> None:
    """By the doctor, and in JSON for an alert; so is one that somebody paused."""
    letter.environment["NEWSLETTER_SMTP__PORT"] = "1"
    letter.run("send", "plain", "--all", "--provider", "smtp", "--yes")

    told = letter.ok("doctor").err
    assert "warning: plain-1: 4 are pending; nobody is working on it" in told
    assert "`newsletter resume plain-1 --yes` goes on" in told
    assert letter.ok("status", "plain-1", "--json").json["workers"] == 0
    letter.ok("pause", "plain-1")
    assert "warning: plain-1 is paused, and 4 are pending" in letter.ok("doctor").err
    letter.ok("cancel", "plain-1", "--yes")
    assert "plain-1" not in letter.ok("doctor").err


def test_the_doctor_warns_of_an_empty_list_and_of_links_to_this_machine(bare: Letter) -> None:
    """A warning is no failure; an outbox may have local links."""
    bare.environment["NEWSLETTER_PUBLICATION__URL"] = "http://127.0.0.1:8000"
    assert "this machine" not in bare.ok("doctor").err
    with smtp_server(lambda step, argument: None) as server:
        bare.environment["NEWSLETTER_DELIVERY__PROVIDER"] = "smtp"
        bare.environment["NEWSLETTER_SMTP__PORT"] = str(server.port)
        told = bare.ok("doctor").err

    assert "warning: nobody is on the list yet" in told
    assert "warning: `url` is http://127.0.0.1:8000" in told


@pytest.mark.parametrize(
    ("settings", "near"),
    [('ignore = ["spamwords"]', "spam-words"), ('clients = ["gmial.*"]', "gmail")],
)
def test_the_doctor_finds_checks_of_rules_and_clients_that_are_none(
    bare: Letter, settings: str, near: str
) -> None:
    """Before an issue is late for it."""
    path = bare.root / "newsletter.toml"
    path.write_text(f"{path.read_text(encoding='utf-8')}\n[checks]\n{settings}\n", encoding="utf-8")
    done = bare.run("doctor")

    assert done.code == 3
    assert "wrong checks" in done.err
    assert near in done.err
    assert "ok    list: 0 subscribers" in done.err


def test_the_doctor_warns_of_a_sender_without_a_domain(bare: Letter) -> None:
    """Such an address is one of this machine."""
    bare.environment["NEWSLETTER_PUBLICATION__FROM"] = "News <news@localhost>"

    assert "warning: `from` is news@localhost, which has no domain" in bare.ok("doctor").err


def test_show_tells_all_that_is_known(letter: Letter) -> None:
    """With the consent log."""
    shown = letter.ok("subscribers", "show", "ann@example.com", "--json").json

    assert {"email", "status", "tags", "topics", "attributes", "consent"} <= set(shown)
    assert (shown["tags"], shown["attributes"]) == (["builders"], {"country": "DE"})
    assert shown["consent"][0]["text"] == "test"


def test_what_is_exported_can_be_imported(letter: Letter) -> None:
    """The export is CSV with a header, and importing it changes nobody."""
    exported = letter.ok("subscribers", "export", "--where", 'country == "DE"').out
    (letter.root / "again.csv").write_text(exported, encoding="utf-8")

    assert [row["email"] for row in csv.DictReader(io.StringIO(exported))] == [
        "ann@example.com",
        "cho@example.net",
    ]
    assert (
        letter.ok("subscribers", "import", "again.csv", "--consent", "test", "--json").json["unchanged"] == 2
    )


def test_an_import_tells_of_lists_and_of_dates_that_it_guessed(letter: Letter) -> None:
    """And what to do about either; a dry run tells the same."""
    letter.ok("topics", "add", "product")
    file = letter.root / "more.csv"
    file.write_text("email,lists,unsub_time\nzoe@example.com,Product;Fair,\nyan@example.com,,01/02/2023\n")

    done = letter.ok("subscribers", "import", file, "--dry-run")
    said = letter.ok("subscribers", "import", file, "--dry-run", "--dates", "month-first", "--json").json

    assert "lists that are topics here: `product` (1 row)" in done.lines
    assert any("became tags: `Fair` (1 row)" in line and "topics add" in line for line in done.lines)
    assert "warning: 1 date of leaving read with the day first; line 3: `01/02/2023`" in done.lines
    assert any("`--dates month-first`" in line for line in done.lines)
    assert said["guessed_dates"] == {"count": 0, "line": None}
    assert said["lists"] == {"topics": {"product": 1}, "tags": {"Fair": 1}}


def test_tags_and_erasure(letter: Letter) -> None:
    """A tag is put on and taken away; who is erased is gone and not mailed."""
    letter.ok("subscribers", "tag", "bob@example.org", "--add", "new", "--remove", "old")
    assert letter.ok("subscribers", "show", "bob@example.org", "--json").json["tags"] == ["new"]
    letter.ok("subscribers", "erase", "bob@example.org", "--yes")

    assert letter.run("subscribers", "show", "bob@example.org").code == 1
    assert letter.ok("send", "plain", "--all", "--dry-run", "--json").json["recipients"] == 3


def test_a_segment_tells_count_sample_and_words(letter: Letter) -> None:
    """And can be removed."""
    shown = letter.ok("segments", "show", "german-builders", "--json").json

    assert set(shown) == {"name", "expression", "words", "count", "sample", "names", "named_by"}
    assert (shown["count"], sorted(shown["sample"])) == (2, ["ann@example.com", "cho@example.net"])
    assert "country" in letter.ok("segments", "show", "german-builders").out
    letter.ok("segments", "remove", "german-builders")
    assert letter.run("segments", "show", "german-builders").code == 2


def test_an_issue_goes_to_its_own_segment_less_the_excluded(letter: Letter) -> None:
    """Without options, the front matter says who is meant."""
    report = letter.ok("send", "plain", "--exclude", "german-builders", "--yes", "--json").json

    assert set(report) == REPORT
    assert report["accepted"] == 2


def test_a_report_adds_up_and_the_log_names_everybody(letter: Letter) -> None:
    """One line per recipient, each an object with the promised keys."""
    letter.ok("send", "plain", "--all", "--yes")
    status = letter.ok("status", "plain-1", "--json").json
    lines = [json.loads(line) for line in letter.ok("log", "plain-1", "--json").out.splitlines()]

    assert set(status) == REPORT
    assert (
        sum(status[name] for name in ("accepted", "rejected", "failed", "skipped", "uncertain", "pending"))
        == 4
    )
    assert {frozenset(line) for line in lines} == {
        frozenset({"email", "state", "reason", "provider_id", "message_id", "at", "attempts"})
    }
    assert {line["email"] for line in lines} == {
        "ann@example.com", "bob@example.org", "cho@example.net", "dee@example.com"
    }  # fmt: skip


def test_the_log_on_a_terminal_has_a_line_for_each_recipient(letter: Letter) -> None:
    """What is for programs stays away there, and so do columns in which nothing stands."""
    letter.ok("send", "plain", "--all", "--yes")
    lines = on_terminal(letter, "log", "plain-1")

    assert lines[0].split() == ["at", "email", "state", "tries"]
    assert len(lines) == 5
    assert all(len(line) <= 80 and line.endswith("1") and " accepted " in line for line in lines[1:])
    assert on_terminal(letter, "log", "plain-1", "--state", "failed") == [
        "there is nobody like that in this dispatch"
    ]


def test_what_has_ended_is_told_so_and_nobody_is_asked_whether_to_end_it(letter: Letter) -> None:
    """A question about 0 subscribers is none."""
    letter.ok("send", "plain", "--all", "--yes")
    told = letter.run("cancel", "plain-1")

    assert told.code == 1
    assert "finished" in told.err


def test_the_rules_on_a_terminal_are_readable(letter: Letter) -> None:
    """The reasons have the room of a column that is for programs."""
    lines = on_terminal(letter, "rules")

    assert lines[0].split() == ["rule", "severity", "reason"]
    assert all(len(line) <= 80 for line in lines)
    assert len(lines) < 400
    assert letter.ok("rules").out.splitlines()[0].count("\t") == 3


def test_one_person_is_told_of_in_the_singular(letter: Letter) -> None:
    """Whoever reads “the 1 who are pending” wonders what else is sloppy."""
    letter.environment["NEWSLETTER_SMTP__PORT"] = "1"
    told = letter.run("send", "plain", "--where", 'email == "ann@example.com"', "--provider", "smtp", "--yes")

    assert "goes on with the 1 who is pending" in told.err
    assert "plain-1: 1 is pending" in letter.ok("doctor").err


def test_a_hint_on_a_terminal_goes_on_below_itself(letter: Letter) -> None:
    """And the command in it is in one piece."""
    lines = on_terminal(letter, "log", "plain-1", "--since", "neverday", code=2)

    assert all(len(line) <= 80 for line in lines)
    assert lines[1].startswith("hint: ")
    assert all(line.startswith("      ") for line in lines[2:])


def on_terminal(letter: Letter, *args: str, code: int = 0) -> list[str]:
    """The lines that a command shows on a terminal."""
    plain = {"NO_COLOR": "1", "TERM": "dumb"}
    seen = letter.on_terminal(*args, streams=("stdout", "stderr"), code=code, **plain)
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()]


def test_nobody_gets_an_issue_twice_by_another_audience(letter: Letter) -> None:
    """A second audience of the same issue leaves out who already received it."""
    letter.ok("send", "plain", "--segment", "german-builders", "--yes")
    report = letter.ok("send", "plain", "--all", "--yes", "--json").json

    assert report["accepted"] == 2
    assert report["excluded"] == {"already received": 2}


def test_a_changed_issue_is_not_sent_again_by_itself(letter: Letter) -> None:
    """The dispatch of the earlier edition is named; `--again` is a decision."""
    letter.ok("send", "plain", "--all", "--yes")
    path = letter.root / "issues" / "plain.md"
    path.write_text(path.read_text("utf-8").replace("Some text", "Some better text"), encoding="utf-8")
    done = letter.run("send", "plain", "--all", "--yes")

    assert done.code == 1
    assert "plain-1" in done.err
    assert "--again" in done.err
    assert letter.ok("send", "plain", "--all", "--again", "--yes", "--json").json["accepted"] == 4


def test_recipients_in_doubt_are_named_and_settled_by_hand(letter: Letter) -> None:
    """A server that takes the message and hangs up leaves `uncertain`, exit code 5; `reconcile` settles it."""
    with smtp_server(lambda step, argument: HANG_UP if step == "." else None) as server:
        letter.environment["NEWSLETTER_SMTP__PORT"] = str(server.port)
        done = letter.run(
            "send", "plain", "--segment", "german-builders", "--provider", "smtp", "--yes", "--json"
        )
    named = letter.ok("reconcile", "plain-1").out.split()

    assert (done.code, done.json["uncertain"], done.json["state"]) == (5, 2, "finished")
    assert {"ann@example.com", "cho@example.net"} <= set(named)
    after = letter.ok(
        "reconcile",
        "plain-1",
        "--accepted",
        "ann@example.com",
        "--failed",
        "cho@example.net",
        "--yes",
        "--json",
    ).json
    assert (after["accepted"], after["failed"], after["uncertain"]) == (1, 1, 0)
    assert len(server.messages) == 2
    slipped = letter.run("reconcile", "plain-1", "--accepted", "--json")
    assert (slipped.code, "`--json` names nobody" in slipped.err) == (2, True)
    assert "newsletter reconcile --help" in letter.run("reconcile", "plain-1", "--accepted").err
    again = letter.ok("reconcile", "plain-1", "--retry-failed", "--yes", "--json").json
    assert (again["accepted"], again["failed"], again["pending"]) == (1, 0, 1)


def test_a_missing_value_skips_one_and_says_why(letter: Letter) -> None:
    """Nobody is mailed “Hello None”."""
    path = letter.root / "issues" / "plain.md"
    path.write_text(path.read_text("utf-8").replace(' | default("reader")', ""), encoding="utf-8")
    report = letter.ok("send", "plain", "--all", "--yes", "--json").json
    (line,) = letter.ok("log", "plain-1", "--state", "skipped", "--json").out.splitlines()

    assert (report["accepted"], report["skipped"]) == (3, 1)
    assert json.loads(line)["email"] == "dee@example.com"
    assert "subscriber.first_name" in json.loads(line)["reason"]


def test_a_stopped_dispatch_is_resumed(letter: Letter) -> None:
    """SIGTERM finishes what is in flight and ends with 130; `resume` mails the others, and nobody twice."""
    letter.environment["NEWSLETTER_DELIVERY__RATE"] = "1/minute"
    command = letter.command("send", "plain", "--all", "--yes")
    with subprocess.Popen(command, env=letter.env(), stderr=subprocess.PIPE, text=True) as process:
        while not list((letter.root / "outbox").rglob("*.eml")):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(600) == 130
    stopped = letter.ok("status", "plain-1", "--json").json
    del letter.environment["NEWSLETTER_DELIVERY__RATE"]
    resumed = letter.ok("resume", "plain-1", "--yes", "--json").json

    assert stopped["pending"] > 0
    assert (resumed["accepted"], resumed["uncertain"], resumed["state"]) == (4, 0, "finished")
    assert len(list((letter.root / "outbox").rglob("*.eml"))) == 4


def test_who_joins_after_a_dispatch_is_told_and_can_be_reached(letter: Letter) -> None:
    """A finished dispatch stays finished, also in a dry run; `--newcomers` mails those who joined, nobody twice."""
    letter.ok("send", "plain", "--all", "--yes")
    letter.ok("subscribers", "add", "eve@example.com")
    dry = letter.ok("send", "plain", "--all", "--dry-run", "--json")
    done = letter.ok("send", "plain", "--all", "--yes")
    report = letter.ok("send", "plain", "--all", "--newcomers", "--yes", "--json").json

    assert (dry.json["state"], dry.json["pending"]) == ("finished", 0)
    assert "1 subscriber joined since" in done.err
    assert (report["dispatch"], report["accepted"]) == ("plain-2", 1)
    assert report["excluded"] == {"already received": 4}


def test_a_dispatch_paused_from_elsewhere_does_not_end_well(letter: Letter) -> None:
    """The exit code says that not everybody has an outcome, and not that somebody pressed Ctrl-C."""
    letter.environment["NEWSLETTER_DELIVERY__RATE"] = "1/minute"
    with subprocess.Popen(letter.command("send", "plain", "--all", "--yes"), env=letter.env()) as process:
        while not list((letter.root / "outbox").rglob("*.eml")):
            assert process.poll() is None
        letter.ok("pause", "plain-1")
        assert process.wait(600) in (0, 1)
    status = letter.ok("status", "plain-1", "--json").json

    assert (status["state"], process.returncode) == ("paused", 1)
    again = letter.run("send", "plain", "--all", "--yes")
    assert (again.code, again.lines[-2]) == (1, "error: plain-1: it is paused")
    assert letter.ok("status", "plain-1", "--json").json["state"] == "paused"
    assert "no dispatch is like that" in letter.ok("status", "--state", "cancelled").err


def test_a_cancelled_dispatch_mails_nobody_else(letter: Letter) -> None:
    """Who was not tried is recorded as skipped, and resuming is refused."""
    letter.environment["NEWSLETTER_SMTP__PORT"] = "1"
    letter.run("send", "plain", "--all", "--provider", "smtp", "--yes")
    letter.ok("pause", "plain-1")
    letter.ok("cancel", "plain-1", "--yes")
    status = letter.ok("status", "plain-1", "--json").json

    assert (status["state"], status["skipped"], status["pending"]) == ("cancelled", 4, 0)
    assert letter.run("resume", "plain-1", "--yes").code == 1


def test_upkeep(letter: Letter) -> None:
    """The database tells its revision and is copied; settings tell where they come from; the doctor is content."""
    letter.environment["NEWSLETTER_OUTBOX__PATH"] = "elsewhere"
    current = letter.ok("db", "current").out
    letter.ok("db", "upgrade")
    letter.ok("db", "backup", letter.root / "copy.db")

    assert current.split()[0] in current.split("needed:")[1]
    assert (letter.root / "copy.db").stat().st_size > 0
    assert letter.ok("config", "show", "--json").json["outbox"]["path"] == "elsewhere"
    assert "4 subscribers" in letter.ok("doctor").err
    assert "newsletter" in letter.ok("completion", "bash").out


def test_the_same_commands_work_on_postgresql(bare: Letter, new_postgres_url: Callable[[str], str]) -> None:
    """An empty PostgreSQL is not touched before `db upgrade`; then import, segment, send, log are the same."""
    bare.environment["NEWSLETTER_DATABASE__URL"] = new_postgres_url("template1").replace("+psycopg", "")
    refused = bare.run("subscribers", "list")
    bare.ok("db", "upgrade")
    bare.ok("subscribers", "import", "people.csv", "--consent", "test")
    bare.ok("segments", "add", "everybody", '"@" in email')
    report = bare.ok("send", "plain", "--yes", "--json").json

    assert refused.code == 3
    assert "newsletter db upgrade" in refused.err
    assert (report["accepted"], report["state"]) == (4, "finished")
    assert len(bare.ok("log", "plain-1", "--json").out.splitlines()) == 4
