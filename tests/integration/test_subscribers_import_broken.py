"""Imports that are killed, hindered, or fed with what is no list: nothing lost, nothing doubled, each told."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, func, select, text

from subscribers import Status, SubscriberStore, TransferError, import_file
from subscribers.database import open_engine, writing
from subscribers.tables import CONSENT_EVENT, SUBSCRIBER
from subscribers.transfer import importing
from subscribers.transfer.checkpoints import CHECKPOINT

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

# Imports a file ten rows at a time. The clock is asked once at the beginning, and once within the transaction of
# each chunk, when all of it is written and nothing committed: there the process kills itself, if it is to.
CHILD = """
import os, signal, sys
from pathlib import Path
from subscribers import SubscriberStore, import_file, now, open_engine
from subscribers.transfer import importing

url, file, last = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
importing.CHUNK = 10
asked = 0

def clock():
    global asked
    asked += 1
    if asked == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return now()

engine = open_engine(url)
report = import_file(SubscriberStore(engine, clock=clock), file, tags=["fair"], consent_text="Signed up")
print(report.created, report.updated, report.unchanged, report.invalid)
"""


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def child(engine: Engine, file: Path, *, last: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, url_of(engine), str(file), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def people(path: Path, numbers: range) -> Path:
    lines = [f"r{number}@example.com,{number}" if number % 9 else f"nobody,{number}" for number in numbers]
    path.write_text("email,score\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def kept(engine: Engine) -> tuple[int, int]:
    """How many people and how many lines of the consent log there are."""
    with engine.connect() as connection:
        return tuple(
            connection.scalar(select(func.count()).select_from(table))
            for table in (SUBSCRIBER, CONSENT_EVENT)
        )  # type: ignore[return-value]


@pytest.mark.parametrize("last", [2, 3, 5])
def test_a_killed_import_goes_on_where_it_was(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    """SIGKILL within a chunk: whole chunks stay, and the same command ends with the report of a single run."""
    monkeypatch.setattr(importing, "CHUNK", 10)
    file = people(tmp_path / "people.csv", range(45))
    killed = child(engine, file, last=last)
    killed.communicate(timeout=300)
    assert killed.returncode == -9
    done = (last - 2) * 10
    people_before, _ = kept(engine)
    assert people_before == sum(1 for number in range(done) if number % 9)

    store = SubscriberStore(engine)
    report = import_file(store, file, tags=["fair"], consent_text="Signed up")

    assert (report.created, report.updated, report.unchanged, report.invalid) == (40, 0, 0, 5)
    assert report.resumed == done
    assert kept(engine) == (40, 40)
    assert all(profile.tags == ("fair",) for profile in store.list())
    assert report.rejects_file is not None
    with report.rejects_file.open(encoding="utf-8", newline="") as rejects:
        assert [row["line"] for row in csv.DictReader(rejects)] == ["2", "11", "20", "29", "38"]
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(CHECKPOINT)) == 0


def test_another_file_or_another_consent_does_not_go_on(
    sqlite_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked before is not done for what is asked now."""
    monkeypatch.setattr(importing, "CHUNK", 10)
    file = people(tmp_path / "people.csv", range(30))
    child(sqlite_engine, file, last=4).communicate(timeout=300)

    report = import_file(SubscriberStore(sqlite_engine), file, tags=["fair"], consent_text="Another")

    assert (report.resumed, report.created, report.unchanged) == (0, 9, 17)


def test_two_imports_of_one_file_at_once(engine: Engine, tmp_path: Path) -> None:
    """Each person once, with one line of consent; neither process fails."""
    file = people(tmp_path / "people.csv", range(200))
    SubscriberStore(engine).secret  # noqa: B018 - made before both ask for it

    both = [child(engine, file) for _ in range(2)]
    ends = [(process.communicate(timeout=300), process.returncode) for process in both]

    assert [code for _, code in ends] == [0, 0], ends
    assert kept(engine) == (177, 177)


def test_two_imports_of_the_same_people_in_another_order(engine: Engine, tmp_path: Path) -> None:
    """They do not wait for each other for ever."""
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    lines = [f"r{number}@example.com" for number in range(300)]
    first.write_text("\n".join(["email", *lines]), encoding="utf-8")
    second.write_text("\n".join(["email", *reversed(lines)]), encoding="utf-8")
    SubscriberStore(engine).secret  # noqa: B018 - made before both ask for it

    both = [child(engine, file) for file in (first, second)]
    ends = [(process.communicate(timeout=300), process.returncode) for process in both]

    assert [code for _, code in ends] == [0, 0], ends
    assert kept(engine) == (300, 300)


def test_somebody_who_signs_up_meanwhile_is_not_lost(postgres_engine: Engine) -> None:
    """PostgreSQL refuses the chunk, which is written again with what is there now."""
    other = SubscriberStore(open_engine(url_of(postgres_engine)))
    store, signed = SubscriberStore(postgres_engine), []

    @event.listens_for(postgres_engine, "before_cursor_execute")
    def sign_up(*told: object) -> None:
        if "generate_series" in str(told[2]) and not signed:
            signed.append(other.add("bob@example.com", first_name="Bob"))

    report = import_file(store, io.StringIO("email,first_name\nann@example.com,Ann\nbob@example.com,Bobby\n"))

    other.engine.dispose()
    bob = store.find("bob@example.com")
    assert signed
    assert bob is not None
    assert (report.created, report.updated, bob.first_name, store.count()) == (1, 1, "Bobby", 2)


def test_a_database_that_is_held_by_another_process_is_told(engine: Engine, tmp_path: Path) -> None:
    """In one line, after a while; what is written stays written."""
    sqlite = engine.dialect.name == "sqlite"
    setting = "PRAGMA busy_timeout = 10" if sqlite else "SET lock_timeout = 10"
    store = SubscriberStore(engine)
    store.add("ann@example.com")
    engine.dispose()
    event.listen(engine, "connect", lambda driver, _record: run(driver, setting))
    other = open_engine(url_of(engine))
    with writing(other) as holding:
        if not sqlite:
            holding.execute(text("LOCK TABLE subscriber IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(TransferError, match="another process holds the database") as caught:
            import_file(SubscriberStore(engine), people(tmp_path / "people.csv", range(30)))
    other.dispose()

    assert "same command" in caught.value.hint
    assert "\n" not in str(caught.value)
    assert store.count() == 1


def run(driver: object, setting: str) -> None:
    cursor = driver.cursor()  # type: ignore[attr-defined]
    cursor.execute(setting)
    cursor.close()
    if hasattr(driver, "commit"):
        driver.commit()


def test_a_full_disk_keeps_whole_chunks_and_can_be_gone_on_from(
    sqlite_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite may have no more pages; with room again, the same command ends the import."""
    monkeypatch.setattr(importing, "CHUNK", 100)
    file = people(tmp_path / "people.csv", range(2_000))
    store = SubscriberStore(sqlite_engine)
    store.secret  # noqa: B018 - made while there is room
    with sqlite_engine.connect() as connection:
        pages = connection.scalar(text("PRAGMA page_count")) + 60
    sqlite_engine.dispose()
    full = [f"PRAGMA max_page_count = {pages}"]
    event.listen(sqlite_engine, "connect", lambda driver, _record: [run(driver, limit) for limit in full])

    with pytest.raises(TransferError, match="the disk is full") as caught:
        import_file(store, file)

    before, lines = kept(sqlite_engine)
    assert before == lines
    assert 0 < before < 1_777
    assert "make room" in caught.value.hint
    assert not list(tmp_path.glob("people.rejects*"))
    full[:] = ["PRAGMA max_page_count = 1000000"]
    sqlite_engine.dispose()
    report = import_file(store, file)
    assert (report.created, report.invalid, kept(sqlite_engine)) == (1_777, 223, (1_777, 1_777))
    assert report.resumed > 0


LONG = "x" * 10_000_000


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("b@example.com,1,2", "3 cells under a header of 2"),
        ("b@example\x00.com,1", "no e-mail address"),
        ("b@example.com,a\x00b", "cannot be kept"),
        (f"b@example.com,{LONG}", "too long"),
        (f"{LONG}@example.com,1", "no e-mail address"),
        ("email,note", "header once more"),
        ('b@example.com,"a"b', "cannot be read"),
        ("nobody,=cmd|' /C calc'!A0", "no e-mail address"),
    ],
    ids=["many cells", "NUL in address", "NUL", "10 MB", "10 MB address", "header", "quote", "formula"],
)
def test_a_row_that_is_none_is_set_aside_and_all_others_come(
    sqlite_engine: Engine, tmp_path: Path, row: str, reason: str
) -> None:
    """With its line and the reason, in one line each."""
    file = tmp_path / "people.csv"
    file.write_text(f"email,note\na@example.com,1\n{row}\nc@example.com,2\n", encoding="utf-8")
    store = SubscriberStore(sqlite_engine)

    report = import_file(store, file)

    assert (report.created, report.invalid, store.count()) == (2, 1, 2)
    csv.field_size_limit(20_000_000)
    assert report.rejects_file is not None
    with report.rejects_file.open(encoding="utf-8", newline="") as rejects:
        (told,) = csv.DictReader(rejects)
    assert told["line"] == "3"
    assert reason in told["reason"]


def test_cells_that_are_missing_at_the_end_are_empty(sqlite_engine: Engine) -> None:
    """As spreadsheets leave them out."""
    store = SubscriberStore(sqlite_engine)

    report = import_file(store, io.StringIO("email,first_name,score\na@example.com\nb@example.com,Bob\n"))

    assert report.created == 2
    assert [profile.attributes for profile in store.list()] == [{}, {}]


def test_a_quote_that_is_never_closed_is_found_before_anything_is_written(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it stands behind many good rows."""
    monkeypatch.setattr(importing, "CHUNK", 2)
    store = SubscriberStore(sqlite_engine)

    with pytest.raises(TransferError, match="never closed"):
        import_file(store, io.StringIO('email,x\na@example.com,1\nb@example.com,1\nc@example.com,"1\n'))

    assert store.count() == 0


def test_a_formula_is_kept_as_text_and_who_left_stays_away(sqlite_engine: Engine) -> None:
    """A cell is never more than its text, and a status never better than what is known."""
    store = SubscriberStore(sqlite_engine)
    store.add("ann@example.com")
    store.unsubscribe("ann@example.com", source="page")

    import_file(store, io.StringIO("email,note\nann@example.com,1\nbob@example.com,=1+1\n"))

    ann, bob = store.find("ann@example.com"), store.find("bob@example.com")
    assert ann is not None
    assert bob is not None
    assert (ann.status, bob.attributes) == (Status.UNSUBSCRIBED, {"note": "=1+1"})


def test_a_line_that_is_no_object_is_kept_among_the_rejects(sqlite_engine: Engine, tmp_path: Path) -> None:
    """As it was, beside the rows that were refused for what they say."""
    file = tmp_path / "people.jsonl"
    file.write_text('{"email": "ann@example.com"}\nnot, json\n{"email": "bad", "city": "Köln"}\n', "utf-8")
    report = import_file(SubscriberStore(sqlite_engine), file)

    assert (report.created, report.invalid, report.rejects_file) == (1, 2, tmp_path / "people.rejects.csv")
    with report.rejects_file.open(encoding="utf-8", newline="") as rejects:
        told = list(csv.reader(rejects))
    assert told[1] == ["2", "this line is no JSON object", "not, json"]
    assert told[2][3:] == ["Köln"]


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ('{\n  "email": "ann@example.com"\n}\n', "no line of it is one object", "jq -c"),
        ('{"email":\n"ann@example.com"}\n', "no line of it is one object", "jq -c"),
        ('[\n {"email": "ann@example.com"}\n]\n', "this is a JSON list", "jq -c '.[]'"),
        ("email,name\n", "the file has a header but no rows", ""),
    ],
)
def test_what_is_nearly_a_list_says_what_is_expected(
    sqlite_engine: Engine, text: str, what: str, hint: str
) -> None:
    with pytest.raises(TransferError, match=re.escape(what)) as caught:
        import_file(SubscriberStore(sqlite_engine), io.BytesIO(text.encode()))

    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("field", "meant"),
    [("frist_name", "first_name"), ("emial", "email"), ("vorname", "first_name"), ("e_mail", "email"),
     ("timezone", "time_zone"), ("topic", "topics")],
)  # fmt: skip
def test_a_slip_on_the_left_of_a_mapping_makes_no_attribute(
    sqlite_engine: Engine, field: str, meant: str
) -> None:
    """Unless subscribers have such an attribute already."""
    store = SubscriberStore(sqlite_engine)
    file = b"email,X\nann@example.com,Ann\n"
    with pytest.raises(TransferError, match=f"`{field}` is no field") as caught:
        import_file(store, io.BytesIO(file), mapping={field: "X"})
    store.add("bob@example.com", attributes={field: "known"})
    import_file(store, io.BytesIO(file), mapping={field: "X"})

    assert f"did you mean `{meant}`?" in caught.value.hint
    assert {each.attributes.get(field) for each in store.list()} == {"known", "Ann"}
