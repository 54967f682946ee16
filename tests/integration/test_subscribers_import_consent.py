"""What the columns of a file say of consent: who is not mailed, whoever sent the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes.lists import counts, exported, forget_everybody, known, rows

from subscribers import (
    Status,
    SubscriberStore,
    import_file,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine


class TestConsentColumns:
    @pytest.mark.parametrize(
        ("column", "refusing", "allowing"),
        [
            ("Subscribed", "no", "yes"),
            ("opt-in", "FALSE", "true"),
            ("Accepts_Marketing", "0", "1"),
            ("Einwilligung", "nein", "ja"),
            ("Opted Out", "yes", "no"),
            ("unsubscribed", "1", "0"),
            ("unsub_time", "2024-03-01 10:00:00", "never"),
            ("désabonné", "oui", "non"),
            ("Status", "no", "yes"),
        ],
    )
    def test_who_says_no_is_not_mailed(
        self, sqlite_engine: Engine, column: str, refusing: str, allowing: str
    ) -> None:
        store = SubscriberStore(sqlite_engine)
        if refusing[:2] == "20":
            text = f"email,{column}\nleft@example.com,{refusing}\nstays@example.com,\n"
        else:
            text = f"email,{column}\nleft@example.com,{refusing}\nstays@example.com,{allowing}\n"

        report = import_file(store, rows(text))

        left, stays = known(store, "left@example.com"), known(store, "stays@example.com")
        assert (left.status, stays.status) == (Status.UNSUBSCRIBED, Status.ACTIVE)
        # By time: who tells when they left had left before the import.
        assert sorted(line.kind for line in left.consent) == ["imported", "opted_out"]
        assert (counts(report), report.left) == ((2, 0, 0, 0, 0), 1)
        assert report.consent == (() if column == "Status" else (column,))

    def test_other_words_in_such_a_column_are_kept_and_change_nothing(self, sqlite_engine: Engine) -> None:
        store = SubscriberStore(sqlite_engine)

        import_file(store, rows("email,Consent\nann@example.com,At the fair\n"))

        ann = known(store, "ann@example.com")
        assert (ann.status, ann.attributes) == (Status.ACTIVE, {"consent_value": "At the fair"})

    def test_a_column_mapped_to_an_attribute_is_only_that(self, sqlite_engine: Engine) -> None:
        store = SubscriberStore(sqlite_engine)

        report = import_file(
            store, rows("email,Subscribed\na@example.com,no\n"), mapping={"paper": "Subscribed"}
        )

        assert known(store, "a@example.com").status == Status.ACTIVE
        assert (report.consent, report.left) == ((), 0)

    def test_a_bounce_is_not_taken_for_leaving(self, sqlite_engine: Engine) -> None:
        store = SubscriberStore(sqlite_engine)

        import_file(store, rows("email,status,subscribed\nann@example.com,cleaned,no\n"))

        assert known(store, "ann@example.com").status == Status.BOUNCED

    def test_an_attribute_of_such_a_name_survives_an_export(self, sqlite_engine: Engine) -> None:
        store = SubscriberStore(sqlite_engine)
        store.add("ann@example.com", attributes={"subscribed": False})
        text = exported(store)
        forget_everybody(store.engine)

        import_file(store, rows(text))

        ann = known(store, "ann@example.com")
        assert (ann.status, ann.attributes) == (Status.ACTIVE, {"subscribed": False})

    def test_a_column_says_who_agreed_to_be_tracked_and_the_log_says_so(self, store: SubscriberStore) -> None:
        file = (
            "email,tracking_consent\na@example.com,yes\nb@example.com,Nein\nc@example.com,\nd@example.com,5\n"
        )
        report = import_file(store, rows(file), consent_text="Form of 2026")
        a, b, c = (known(store, f"{name}@example.com") for name in "abc")

        assert counts(report) == (3, 0, 0, 0, 1)
        assert [str(each.tracking) for each in (a, b, c)] == ["granted", "denied", ""]
        assert [(line.kind, line.text) for line in a.consent] == [
            ("imported", "Form of 2026"),
            ("tracking_allowed", "Form of 2026"),
        ]
        assert [line.kind for line in c.consent] == ["imported"]

    def test_no_import_takes_back_that_somebody_refused_to_be_tracked(self, store: SubscriberStore) -> None:
        import_file(
            store, rows("email,tracking_consent\na@example.com,no\nb@example.com,yes\nc@example.com,\n")
        )
        import_file(
            store, rows("email,tracking_consent\na@example.com,yes\nb@example.com,no\nc@example.com,yes\n")
        )
        said = [str(known(store, f"{name}@example.com").tracking) for name in "abc"]

        assert said == ["denied", "denied", "granted"]
        assert known(store, "b@example.com").consent[-1].kind == "tracking_denied"
        assert len(known(store, "a@example.com").consent) == 2
