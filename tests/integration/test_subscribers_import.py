"""Subscribers from files, on real databases."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest
from fakes.lists import MOMENT, counts, exported, forget_everybody, known, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from subscribers import (
    FieldError,
    Status,
    SubscriberStore,
    SuppressionReason,
    TransferError,
    import_file,
)
from subscribers.topics import add_topic
from subscribers.transfer import importing

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from subscribers.transfer.dates import Order


class TestImport:
    def test_people_are_recorded_with_all_that_the_file_says(self, store: SubscriberStore) -> None:
        report = import_file(
            store,
            rows("E-Mail;Vorname;Land;Punkte;Tags;Joined\nann@example.com;Ann;DE;7;a, b;2025-01-31\n"),
            tags=["fair"],
            consent_text="Signed up at the fair",
        )

        assert counts(report) == (1, 0, 0, 0, 0)
        assert report.columns["Punkte"] == "punkte"
        ann = known(store, "ann@example.com")
        assert (ann.first_name, ann.tags, ann.attributes) == (
            "Ann",
            ("a", "b", "fair"),
            {"land": "DE", "punkte": 7},
        )
        assert (str(ann.joined), ann.status) == ("2025-01-31", Status.ACTIVE)
        assert [(line.kind, line.text, line.at) for line in ann.consent] == [
            ("imported", "Signed up at the fair", MOMENT)
        ]
        assert store.attribute_names() == {"land", "punkte"}

    def test_importing_again_changes_nothing(self, store: SubscriberStore) -> None:
        text = "email,name,tags,score\nann@example.com,Ann Lee,a,1\nbob@example.com,Bob,,\n"
        import_file(store, rows(text))
        before = store.list()

        assert counts(import_file(store, rows(text))) == (0, 0, 2, 0, 0)
        assert store.list() == before

    def test_rows_on_one_person_complete_each_other(self, store: SubscriberStore) -> None:
        """What a later row says wins, what it does not say stays, and tags are united."""
        report = import_file(
            store,
            rows(
                "email,first_name,last_name,tags,x\n"
                "ann@example.com,Ann,,a,1\nANN@Example.com,,Lee,b,\nann@example.com,Anna,,a,2\nann@example.com,,,,\n"
            ),
        )

        ann = known(store, "ann@example.com")
        assert counts(report) == (1, 2, 1, 0, 0)
        assert (ann.name, ann.tags, ann.attributes) == ("Anna Lee", ("a", "b"), {"x": 2})

    @pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
    def test_the_counts_do_not_depend_on_the_chunks(
        self, store: SubscriberStore, monkeypatch: pytest.MonkeyPatch, chunk: int
    ) -> None:
        monkeypatch.setattr(importing, "CHUNK", chunk)
        store.add("gone@example.com")
        store.unsubscribe("gone@example.com", source="page")
        text = "email,x\na@example.com,1\nb@example.com,\nbad,\na@example.com,2\ngone@example.com,1\nb@example.com,\n"

        assert counts(import_file(store, rows(text), dry_run=True)) == (2, 1, 1, 1, 1)
        assert store.count() == 1
        assert counts(import_file(store, rows(text))) == (2, 1, 1, 1, 1)

    def test_who_left_is_never_brought_back(self, store: SubscriberStore) -> None:
        for name in ("left", "bounced", "complained", "erased", "forbidden", "pending"):
            store.add(f"{name}@example.com", status=Status.PENDING if name == "pending" else Status.ACTIVE)
        store.unsubscribe("left@example.com", source="page")
        store.suppress("bounced@example.com", SuppressionReason.BOUNCED)
        store.suppress("complained@example.com", SuppressionReason.COMPLAINED)
        store.suppress("forbidden@example.com", SuppressionReason.MANUAL)
        store.erase("erased@example.com")
        names = ["LEFT", "bounced", "complained", "erased", "forbidden", "pending"]
        text = "email,status,tags\n" + "".join(f"{name}@example.com,active,new\n" for name in names)

        report = import_file(store, rows(text))

        assert counts(report) == (0, 1, 0, 5, 0)
        statuses = sorted(profile.status for profile in store.list())
        assert statuses == ["active", "bounced", "complained", "erased", "pending", "unsubscribed"]
        assert known(store, "pending@example.com").tags == ("new",)
        assert known(store, "forbidden@example.com").tags == ()

    def test_who_left_elsewhere_leaves_here(self, store: SubscriberStore) -> None:
        """A status in the file is believed when it says that somebody must not be mailed."""
        store.add("ann@example.com")

        report = import_file(
            store, rows("email,status\nann@example.com,unsubscribed\nbob@example.com,cleaned\n")
        )

        assert counts(report) == (1, 1, 0, 0, 0)
        ann, bob = known(store, "ann@example.com"), known(store, "bob@example.com")
        assert (ann.status, [line.kind for line in ann.consent]) == ("unsubscribed", ["added", "opted_out"])
        assert (bob.status, [line.kind for line in bob.consent]) == ("bounced", ["imported", "bounced"])

    def test_a_dry_run_writes_nothing(self, store: SubscriberStore, tmp_path: Path) -> None:
        path = tmp_path / "people.csv"
        path.write_text("email,x\nann@example.com,1\nbad,2\n", encoding="utf-8")

        report = import_file(store, path, dry_run=True)

        assert counts(report) == (1, 0, 0, 0, 1)
        assert (store.count(), store.attribute_names()) == (0, set())
        assert list(tmp_path.glob("people*")) == [path]

    def test_progress_is_told(self, store: SubscriberStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importing, "CHUNK", 2)
        told: list[tuple[int, int]] = []

        import_file(
            store,
            rows("email\na@example.com\nb@example.com\nc@example.com\n"),
            progress=lambda done, total: told.append((done, total)),
        )

        assert told == [(2, 3), (3, 3)]


class TestForeignFiles:
    def test_the_quotes_of_mailchimp_are_no_part_of_a_tag(self, sqlite_engine: Engine) -> None:
        store = SubscriberStore(sqlite_engine)

        import_file(
            store, rows('email,TAGS\nann@example.com,"""builders"",""news"""\nbob@example.com,"""x"""\n')
        )

        assert known(store, "ann@example.com").tags == ("builders", "news")
        assert known(store, "bob@example.com").tags == ("x",)

    def test_a_tag_in_quotes_survives_an_export(self, sqlite_engine: Engine) -> None:
        store = SubscriberStore(sqlite_engine)
        store.add("ann@example.com", tags=['"so called"', '"'], topics=['""'])
        text = exported(store)
        forget_everybody(store.engine)

        import_file(store, rows(text))

        ann = known(store, "ann@example.com")
        assert (set(ann.tags), ann.topics) == ({'"so called"', '"'}, ('""',))

    @pytest.mark.parametrize(
        ("column", "cell"),
        [
            ("Beitritt", "31.01.2025"),
            ("Beigetreten", "2025-01-31"),
            ("Inscrit le", "31/01/2025"),
            ("fecha_de_alta", "31/01/2025 10:30"),
            ("Date d'inscription", "31/01/2025"),
        ],
    )
    def test_the_day_of_joining_is_known_in_other_languages(
        self, sqlite_engine: Engine, column: str, cell: str
    ) -> None:
        store = SubscriberStore(sqlite_engine)

        import_file(store, rows(f"email;{column}\nann@example.com;{cell}\n"))

        assert str(known(store, "ann@example.com").joined) == "2025-01-31"

    @pytest.mark.parametrize(
        ("cells", "days"),
        [
            (["31/12/2023", "03/04/2024"], ["2023-12-31", "2024-04-03"]),
            (["12/31/24", "03/04/2024"], ["2024-12-31", "2024-03-04"]),
            (["12/31/2024 2:30 PM", "3/4/2024 02:30"], ["2024-12-31", "2024-03-04"]),
            (["31-12-2023", "03-04-2024"], ["2023-12-31", "2024-04-03"]),
            (["03.04.2024", "05.06.2024"], ["2024-04-03", "2024-06-05"]),
            (["12.31.2023", "03.04.2024"], ["2023-12-31", "2024-03-04"]),
            (["2023/12/31", "Apr 3, 2024"], ["2023-12-31", "2024-04-03"]),
            # They contradict each other, so that only what has one meaning is known.
            (
                ["31/12/2023", "12/31/2023", "05/05/2024", "03/04/2024"],
                ["2023-12-31"] * 2 + ["2024-05-05", ""],
            ),
            (
                ["03/04/2024", "soon", "2024-04-03", "30/02/2024", ""],
                ["2024-04-03", "", "2024-04-03", "", ""],
            ),
            (["03/04/2024", "05/06/2024"], ["", ""]),
        ],
    )
    def test_dates_are_read_by_the_order_of_their_whole_column(
        self, sqlite_engine: Engine, cells: list[str], days: list[str]
    ) -> None:
        """Nobody is lost for a date that cannot be read: it is left out, counted, and told with its line."""
        store = SubscriberStore(sqlite_engine, clock=lambda: MOMENT)
        lines = [f'p{number}@example.com,"{cell}"' for number, cell in enumerate(cells)]

        report = import_file(store, rows("\n".join(["email,Date joined", *lines, ""])))

        assert counts(report) == (len(cells), 0, 0, 0, 0)
        joined = [str(known(store, f"p{number}@example.com").joined) for number in range(len(cells))]
        assert joined == [day or str(MOMENT.date()) for day in days]
        unread = [number for number, day in enumerate(days) if cells[number] and not day]
        assert (report.odd_dates.rows, report.odd_dates.line) == (len(unread), unread[0] + 2 if unread else 0)

    @pytest.mark.parametrize("cell", ["31/12/2023", "12/31/2023", "03/04/2024", "Dec 31, 2023"])
    def test_whoever_left_on_a_day_in_any_order_has_left(self, sqlite_engine: Engine, cell: str) -> None:
        store = SubscriberStore(sqlite_engine)

        import_file(store, rows(f'email,unsubscribed at\nann@example.com,"{cell}"\n'))

        assert known(store, "ann@example.com").status is Status.UNSUBSCRIBED

    @pytest.mark.parametrize(
        ("cells", "order", "days", "guessed"),
        [
            (
                ["01/02/2023", "03/03/2023", "2023-05-04"],
                "",
                ["2023-02-01", "2023-03-03", "2023-05-04"],
                (1, 2),
            ),
            (["01/02/2023", "02/13/2023"], "", ["2023-01-02", "2023-02-13"], (0, 0)),
            (
                ["01/02/2023", "13/02/2023", "02/13/2023"],
                "",
                ["2023-02-01", "2023-02-13", "2023-02-13"],
                (1, 2),
            ),
            (["01/02/2023", "2/3/2023"], "month", ["2023-01-02", "2023-02-03"], (0, 0)),
            (["01/02/2023", "02/13/2023"], "day", ["2023-02-01", "2023-02-13"], (0, 0)),
        ],
    )
    def test_a_date_of_leaving_whose_order_was_guessed_is_told_and_can_be_said(
        self, sqlite_engine: Engine, cells: list[str], order: Order, days: list[str], guessed: tuple[int, int]
    ) -> None:
        """Of how many rows, and the line of the first."""
        store = SubscriberStore(sqlite_engine, clock=lambda: MOMENT)
        lines = [f"p{number}@example.com,{cell}" for number, cell in enumerate(cells)]

        report = import_file(store, rows("\n".join(["email,UNSUB_TIME", *lines, ""])), dates=order)

        people = [known(store, f"p{number}@example.com") for number in range(len(cells))]
        assert [str(person.consent[0].at)[:10] for person in people] == days
        assert (report.guessed_dates.rows, report.guessed_dates.line) == guessed

    def test_dates_of_joining_that_might_be_two_are_read_if_it_is_said_what_comes_first(
        self, sqlite_engine: Engine
    ) -> None:
        store = SubscriberStore(sqlite_engine)
        file = "email,joined\nann@example.com,03/04/2024\nbob@example.com,13/04/2024\ncho@example.com,04/13/2024\n"
        assert "`--dates`" in import_file(store, rows(file), dry_run=True).odd_dates.reason

        report = import_file(store, rows(file), dates="month")

        assert report.odd_dates.rows == 0
        joined = [str(known(store, f"{name}@example.com").joined) for name in ("ann", "bob", "cho")]
        assert joined == ["2024-03-04", "2024-04-13", "2024-04-13"]

    def test_the_report_tells_kinds_and_addresses_beyond_ascii(self, sqlite_engine: Engine) -> None:
        store = SubscriberStore(sqlite_engine)

        report = import_file(
            store,
            rows("email,size,paid,mixed,none\njörg@example.com,3,true,1,\nann@exämple.com,4.5,false,a,\n"),
        )

        assert report.kinds == {"size": "number", "paid": "yes or no", "mixed": "text", "none_value": "empty"}
        assert report.beyond_ascii == 1


class TestRejects:
    def test_invalid_rows_are_written_beside_the_file(self, store: SubscriberStore, tmp_path: Path) -> None:
        path = tmp_path / "people.csv"
        path.write_text(
            'email,note\nann@example.com,"two\nlines"\nbad,"x,y"\n,\nb@example.com,1,2\n', encoding="utf-8"
        )

        report = import_file(store, path)

        assert counts(report) == (1, 0, 0, 0, 2)
        assert report.rejects_file == tmp_path / "people.rejects.csv"
        with report.rejects_file.open(encoding="utf-8", newline="") as file:
            header, first, second = csv.reader(file)
        assert header == ["line", "reason", "email", "note"]
        assert (first[0], first[2:]) == ("4", ["bad", "x,y"])
        assert "no @" in first[1]
        assert (second[0], second[2:]) == ("6", ["b@example.com", "1", "2"])
        assert sorted(file.name for file in tmp_path.glob("people*")) == ["people.csv", "people.rejects.csv"]

    def test_reasons_are_counted_and_told_also_where_nothing_is_written(self, store: SubscriberStore) -> None:
        content = "email,status\na@example.com,gold\nb@example.com,silver\nbad,active\n"

        report = import_file(store, rows(content), dry_run=True)

        assert [(reason.line, reason.count) for reason in report.reasons] == [(2, 2), (4, 1)]
        assert "`gold` is no status" in report.reasons[0].text
        assert report.rejects_file is None

    def test_a_lone_quote_names_all_lines_that_it_took(self, store: SubscriberStore) -> None:
        content = (
            'email,name\na@example.com,Ann\n"b@example.com,Ben\nc@example.com,Cem\nd@example.com,"Dan"\n'
        )

        report = import_file(store, rows(content + "e@example.com,Eve\n"), rejects=None)

        assert counts(report) == (2, 0, 0, 0, 1)
        assert "lines 3 to 5 cannot be read" in report.reasons[0].text

    def test_without_invalid_rows_there_is_no_such_file(self, store: SubscriberStore, tmp_path: Path) -> None:
        report = import_file(store, rows("email\nann@example.com\n"), rejects=tmp_path / "rejects.csv")

        assert report.rejects_file is None
        assert list(tmp_path.glob("rejects*")) == []

    def test_a_place_that_cannot_be_written_is_told(self, store: SubscriberStore, tmp_path: Path) -> None:
        with pytest.raises(TransferError, match="cannot be written"):
            import_file(store, rows("email\nbad\n"), rejects=tmp_path / "missing" / "rejects.csv")


class TestTopics:
    def test_everybody_in_a_file_gets_a_topic_but_who_left_it(self, store: SubscriberStore) -> None:
        add_topic(store.engine, "product")
        store.add("left@example.com", topics=["product"])
        store.unsubscribe("left@example.com", source="form", topic="product")

        import_file(
            store, rows("email,topics\nann@example.com,other\nleft@example.com,\n"), topics=["product"]
        )

        assert known(store, "ann@example.com").topics == ("other", "product")
        assert known(store, "left@example.com").topics == ()

    def test_a_topic_that_is_none_is_refused_with_the_nearest(self, store: SubscriberStore) -> None:
        add_topic(store.engine, "product")
        with pytest.raises(FieldError, match="no topic `prodcut`") as caught:
            import_file(store, rows("email\nann@example.com\n"), topics=["prodcut"])

        assert "`product`" in caught.value.hint
        assert store.count() == 0


class TestFiles:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_encodings_and_delimiters_are_found_out(
        self, sqlite_engine: Engine, tmp_path: Path, encoding: str, delimiter: str
    ) -> None:
        store = SubscriberStore(sqlite_engine)
        path = tmp_path / "people.csv"
        lines = [["email", "Vorname", "Ort"], ["jörg@example.com", "Jörg", "Köln"]]
        path.write_bytes("\r\n".join(delimiter.join(line) for line in lines).encode(encoding))

        import_file(store, path)

        profile = known(store, "jörg@example.com")
        assert (profile.first_name, profile.attributes) == ("Jörg", {"ort": "Köln"})

    def test_a_line_of_windows_1252_spoils_no_other_in_a_file_of_utf_8(
        self, sqlite_engine: Engine, tmp_path: Path
    ) -> None:
        store = SubscriberStore(sqlite_engine)
        path = tmp_path / "people.csv"
        lines = [f"p{number}@example.com,José\n".encode() for number in range(1, 4)]
        path.write_bytes(b"".join([b"email,first name\n", *lines, "ren@example.com,René".encode("latin-1")]))

        report = import_file(store, path)

        assert [known(store, f"{name}@example.com").first_name for name in ("p1", "p3", "ren")] == [
            "José",
            "José",
            "René",
        ]
        assert (report.odd_lines, report.odd_line) == (1, 5)

    def test_a_pair_that_might_be_utf_8_spoils_no_file_of_windows_1252(
        self, sqlite_engine: Engine, tmp_path: Path
    ) -> None:
        store = SubscriberStore(sqlite_engine)
        path = tmp_path / "people.csv"
        text = "email,note\nann@example.com,«CAFÉ»\nben@example.com,Köln\ncem@example.com,Öl\n"
        path.write_bytes(text.encode("windows-1252"))

        report = import_file(store, path)

        assert known(store, "ann@example.com").attributes == {"note": "«CAFÉ»"}
        assert report.odd_lines == 0

    def test_a_line_that_names_the_delimiter_is_believed(self, sqlite_engine: Engine) -> None:
        store = SubscriberStore(sqlite_engine)

        report = import_file(store, rows("sep=;\nemail;a,b,c,d\nann@example.com;1\n\nbad;1\n"), rejects=None)

        assert report.columns == {"email": "email", "a,b,c,d": "a_b_c_d"}
        assert counts(report) == (1, 0, 0, 0, 1)

    @pytest.mark.parametrize(
        ("content", "says", "place"),
        [
            (b"", "empty", ""),
            (b"\n\n \n", "empty", ""),
            (b"email,name\n", "no rows", ""),
            (b"name,city\nAnn,Bonn\n", "no column has e-mail", ""),
            (b"ann@example.com,Ann\n", "no header", ":1"),
            (b"PK\x03\x04\x14\x00\x06\x00", "spreadsheet or ZIP", ""),
            (b"\x1f\x8b\x08\x00", "compressed", ""),
            (b"\x00\x01\x02\x7fELF\x00\x00\x00", "no text", ""),
            (b"email\n\x81\x8d@example.com\n", "no text", ":2"),
            (b'email\n"ann@example.com\nbob@example.com\n', "never closed", ":3"),
            (b"email,email\na,b\n", "two columns", ":1"),
        ],
    )
    def test_a_file_that_is_none_is_refused_in_one_line(
        self, sqlite_engine: Engine, tmp_path: Path, content: bytes, says: str, place: str
    ) -> None:
        store = SubscriberStore(sqlite_engine)
        path = tmp_path / "people.csv"
        path.write_bytes(content)

        with pytest.raises(TransferError, match=says) as caught:
            import_file(store, path)

        assert caught.value.where == f"{path}{place}"
        assert "\n" not in str(caught.value)
        assert store.count() == 0

    def test_who_said_no_to_a_column_called_newsletter_is_not_mailed(self, sqlite_engine: Engine) -> None:
        """As shops export it; what names a newsletter says nothing about consent."""
        store = SubscriberStore(sqlite_engine)

        import_file(
            store, rows("E-Mail;Newsletter\na@example.com;nein\nb@example.com;ja\nc@example.com;Weekly\n")
        )

        states = [known(store, f"{name}@example.com").status for name in "abc"]
        assert states == [Status.UNSUBSCRIBED, Status.ACTIVE, Status.ACTIVE]

    def test_a_missing_file_is_told(self, sqlite_engine: Engine, tmp_path: Path) -> None:
        with pytest.raises(TransferError, match="no such file"):
            import_file(SubscriberStore(sqlite_engine), tmp_path / "people.csv")

    def test_a_tag_that_cannot_be_one_is_refused_at_once(self, sqlite_engine: Engine) -> None:
        with pytest.raises(FieldError):
            import_file(SubscriberStore(sqlite_engine), rows("email\na@example.com\n"), tags=["a,b"])

    @given(st.binary(max_size=200) | st.text('email,;"\n\r\t@a.com', max_size=80).map(str.encode))
    @settings(
        deadline=None,
        max_examples=100,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    def test_any_bytes_are_imported_or_refused(self, sqlite_engine: Engine, content: bytes) -> None:
        store = SubscriberStore(sqlite_engine)

        try:
            report = import_file(store, io.BytesIO(content), dry_run=True)
        except TransferError as error:
            assert "\n" not in str(error)
        else:
            assert report.rows > 0
