"""Mail that comes back: believed by our own signs only, taken in once, with the same consequences as events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes import bounced
from fakes.dispatching import fill, plan, run, states
from fakes.feedback import ids
from fakes.providers import ScriptedProvider
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from newsletter.errors import UsageError
from newsletter.feedback.bounces import Reader, Tally
from newsletter.feedback.consequences import Rules
from newsletter.feedback.sources import Letter, open_source
from newsletter.messages.return_path import ReturnPath
from newsletter.providers import Verdict
from subscribers import Consent, ConsentKind, Status, SubscriberStore, Tokens, writing
from subscribers.engagement import EVENT
from subscribers.joining import Standing, sign_up, sign_up_entry
from subscribers.tables import SUPPRESSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Engine

PATH = ReturnPath("bounce@bounces.example.com", [b"a key of bounces"])
FORGED = ReturnPath("bounce@bounces.example.com", [b"another key"])
PLAIN = "bounce@bounces.example.com"
FORMS = {
    "postfix": bounced.dsn,
    "exchange": bounced.exchange,
    "exim": bounced.exim,
    "qmail": bounced.qmail,
}


@pytest.fixture
def handed_over(engine: Engine) -> Engine:
    """An issue that two readers were sent, and of which a third is in doubt."""
    fill(engine, 3)
    provider = ScriptedProvider(
        lambda message: Verdict.UNCERTAIN if message.email == "reader3@example.com" else Verdict.ACCEPTED
    )
    plan(engine, provider)
    run(engine, provider)
    return engine


def reader(engine: Engine, path: ReturnPath | None = PATH) -> Reader:
    return Reader(engine, Rules(), Tokens(engine), path)


def take(engine: Engine, *raws: bytes, path: ReturnPath | None = PATH) -> Tally:
    return reader(engine, path).read(Letter(raw) for raw in raws)


def delivery(engine: Engine, number: int = 1) -> str:
    return ids(engine)[f"reader{number}@example.com"]


def status(engine: Engine, number: int = 1) -> str:
    found = SubscriberStore(engine).find(f"reader{number}@example.com")
    assert found is not None
    return found.status


def suppressions(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(SUPPRESSION)) or 0


class TestForms:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
    def test_a_hard_bounce_at_a_signed_address_suppresses(
        self, handed_over: Engine, form: str, ends: bytes
    ) -> None:
        name = delivery(handed_over)
        raw = FORMS[form](PATH.address(name), bounced.original(name)).replace(b"\n", ends)

        tally = take(handed_over, raw)

        assert (tally.whats, tally.bounces, tally.effects) == ({"bounced": 1}, {"hard": 1}, {"bounced": 1})
        assert status(handed_over) == Status.BOUNCED

    def test_a_full_mailbox_is_no_reason_to_suppress(self, handed_over: Engine) -> None:
        name = delivery(handed_over)

        tally = take(handed_over, bounced.gmail(PATH.address(name), bounced.original(name)))

        assert (tally.bounces, status(handed_over)) == ({"soft": 1}, Status.ACTIVE)

    def test_a_refusal_of_us_suppresses_nobody(self, handed_over: Engine) -> None:
        said = {"status": "5.7.1", "diagnostic": "smtp; 550 5.7.1 not accepted for reasons of policy"}

        tally = take(handed_over, bounced.dsn(PATH.address(delivery(handed_over)), "", **said))

        assert (tally.bounces, status(handed_over)) == ({"policy": 1}, Status.ACTIVE)

    def test_a_delay_is_no_bounce(self, handed_over: Engine) -> None:
        said = {"action": "delayed", "status": "4.4.1"}

        tally = take(handed_over, bounced.dsn(PATH.address(delivery(handed_over)), "", **said))

        assert (tally.whats, tally.bounces) == ({"delayed": 1}, {})

    def test_an_answering_machine_is_no_bounce(self, handed_over: Engine) -> None:
        """Whatever words it uses; but it proves that the message came."""
        tally = take(handed_over, bounced.away(PATH.address(delivery(handed_over, 3))))

        assert (tally.whats, tally.bounces, tally.settled) == ({"answered": 1}, {}, 1)
        assert status(handed_over, 3) == Status.ACTIVE

    def test_a_failure_behind_a_forward_is_soft(self, handed_over: Engine) -> None:
        """The mailbox that we wrote to took it; the one that it was passed on to did not."""
        name = delivery(handed_over)
        raw = bounced.dsn(PATH.address(name), "", recipient="old@elsewhere.example")

        assert take(handed_over, raw).bounces == {"soft": 1}

    def test_the_envelope_tells_what_the_header_does_not(self, handed_over: Engine) -> None:
        raw = bounced.dsn(PLAIN, "")

        tally = reader(handed_over).read([Letter(raw)], PATH.address(delivery(handed_over)))

        assert tally.effects == {"bounced": 1}


class TestProof:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("to", ["forged", "plain"])
    def test_without_our_signature_nobody_is_suppressed(
        self, handed_over: Engine, form: str, to: str
    ) -> None:
        """Who was forwarded a message knows its Message-ID, and can write a bounce of it."""
        name = delivery(handed_over)
        address = FORGED.address(name) if to == "forged" else PLAIN

        tally = take(handed_over, FORMS[form](address, bounced.original(name)))

        assert (tally.bounces, tally.effects) == ({"unproved": 1}, {})
        assert (status(handed_over), suppressions(handed_over)) == (Status.ACTIVE, 0)

    def test_without_signed_addresses_our_message_id_counts_as_soft(self, handed_over: Engine) -> None:
        raw = bounced.dsn("letter@example.com", bounced.original(delivery(handed_over)))

        assert take(handed_over, raw, path=None).bounces == {"soft": 1}
        assert status(handed_over) == Status.ACTIVE

    def test_an_address_alone_proves_nothing(self, handed_over: Engine) -> None:
        for path in (PATH, None):
            tally = take(handed_over, bounced.dsn("letter@example.com", ""), path=path)
            assert (tally.whats, tally.bounces, tally.unknown) == ({"bounced": 1}, {}, 0)
        assert suppressions(handed_over) == 0

    def test_a_bounce_settles_doubt(self, handed_over: Engine) -> None:
        """What comes back was handed over."""
        name = delivery(handed_over, 3)

        tally = take(handed_over, bounced.dsn(PATH.address(name), "", recipient="reader3@example.com"))

        assert (tally.settled, states(handed_over)["reader3@example.com"]) == (1, "accepted")
        assert status(handed_over, 3) == Status.BOUNCED


class TestComplaints:
    def test_a_complaint_at_our_signed_address_suppresses(self, handed_over: Engine) -> None:
        raw = bounced.arf(PATH.address(delivery(handed_over)), "")
        tally = take(handed_over, raw)

        assert (tally.whats, tally.effects, tally.bounces) == ({"complained": 1}, {"complained": 1}, {})
        assert status(handed_over) == Status.COMPLAINED
        store = SubscriberStore(handed_over)
        with writing(handed_over) as connection:
            entry = sign_up_entry(store.secret, "reader1@example.com", Consent(ConsentKind.OPT_IN))
            assert sign_up(connection, entry, store.clock())[1] is Standing.FORBIDDEN

    @pytest.mark.parametrize("path", [PATH, None], ids=["return path", "no return path"])
    def test_one_that_only_names_our_message_id_lets_its_reader_leave(
        self, handed_over: Engine, path: ReturnPath | None
    ) -> None:
        """Whoever was forwarded the message can write it: it stops mail at once, and its reader may come back."""
        raw = bounced.arf("fbl@example.com", bounced.original(delivery(handed_over)))
        tally = take(handed_over, raw, path=path)

        assert (tally.whats, tally.effects, tally.bounces) == ({"complained": 1}, {"left": 1}, {})
        assert status(handed_over) == Status.UNSUBSCRIBED
        store = SubscriberStore(handed_over)
        with writing(handed_over) as connection:
            entry = sign_up_entry(store.secret, "reader1@example.com", Consent(ConsentKind.OPT_IN))
            assert sign_up(connection, entry, store.clock())[1] is Standing.PENDING

    def test_it_is_a_complaint_in_the_numbers_all_the_same(self, handed_over: Engine) -> None:
        take(handed_over, bounced.arf("fbl@example.com", bounced.original(delivery(handed_over))))

        with handed_over.connect() as connection:
            assert connection.execute(select(EVENT.c.kind, EVENT.c.bounce)).all() == [
                ("complained", "unproved")
            ]

    @pytest.mark.parametrize("first", [0, 1], ids=["forgery first", "proof first"])
    def test_a_proof_counts_before_and_after_what_is_none(self, handed_over: Engine, first: int) -> None:
        name = delivery(handed_over)
        raws = [
            bounced.arf("fbl@example.com", bounced.original(name)),
            bounced.arf(PATH.address(name), bounced.original(name)).replace(
                bounced.DATE.encode(), b"Sun, 12 Apr 2026 10:00:00 +0000"
            ),
        ]
        take(handed_over, raws[first], raws[1 - first])

        with writing(handed_over) as connection:
            store = SubscriberStore(handed_over)
            entry = sign_up_entry(store.secret, "reader1@example.com", Consent(ConsentKind.OPT_IN))
            assert sign_up(connection, entry, store.clock())[1] is Standing.FORBIDDEN

    def test_the_link_that_the_service_left_in_is_no_more(self, handed_over: Engine) -> None:
        """Services take addresses and names out; a link of ours is signed, and can do what pressing it does."""
        profile = SubscriberStore(handed_over).find("reader2@example.com")
        assert profile is not None
        token = Tokens(handed_over).sign("unsubscribe", profile.public_id)
        raw = bounced.arf("fbl@example.com", bounced.original("redacted", token))

        assert take(handed_over, raw, raw).effects == {"left": 1}
        assert status(handed_over, 2) == Status.UNSUBSCRIBED
        assert take(handed_over, raw.replace(token.encode(), token[:-3].encode() + b"xyz")).effects == {}

    def test_the_return_path_in_the_report_is_a_proof(self, handed_over: Engine) -> None:
        more = f"Original-Mail-From: <{PATH.address(delivery(handed_over))}>\n"

        assert take(handed_over, bounced.arf("fbl@example.com", "", more=more)).effects == {"complained": 1}

    def test_a_wish_to_leave_is_one(self, handed_over: Engine) -> None:
        raw = bounced.arf("fbl@example.com", bounced.original(delivery(handed_over)), kind="opt-out")

        assert take(handed_over, raw).effects == {"left": 1}
        assert status(handed_over) == Status.UNSUBSCRIBED

    @pytest.mark.parametrize("kind", ["not-spam", "virus", "auth-failure", ""])
    def test_other_reports_are_no_complaints(self, handed_over: Engine, kind: str) -> None:
        raw = bounced.arf("fbl@example.com", bounced.original(delivery(handed_over)), kind=kind)

        assert take(handed_over, raw).effects == {}
        assert status(handed_over) == Status.ACTIVE


class TestSources:
    @pytest.fixture
    def three(self, handed_over: Engine) -> list[bytes]:
        return [
            bounced.dsn(
                PATH.address(delivery(handed_over, number)), "", recipient=f"reader{number}@example.com"
            )
            for number in (1, 2, 3)
        ]

    def test_a_maildir_is_read_once_and_seen_then(
        self, handed_over: Engine, three: list[bytes], tmp_path: Path
    ) -> None:
        box = maildir(tmp_path, three)

        assert reader(handed_over).read(open_source(box)).effects == {"bounced": 3}
        assert sorted(path.name for path in (box / "cur").iterdir()) == [f"{n}.host:2,S" for n in range(3)]
        assert not list((box / "new").iterdir())
        assert reader(handed_over).read(open_source(box)).read == 0

    def test_killed_between_keeping_and_putting_away_it_counts_nothing_twice(
        self, handed_over: Engine, three: list[bytes], tmp_path: Path
    ) -> None:
        box = maildir(tmp_path, three)

        def fail() -> None:
            raise KeyboardInterrupt

        letters = list(open_source(box))
        with pytest.raises(KeyboardInterrupt):
            reader(handed_over).read([letters[0], Letter(letters[1].raw, fail), letters[2]])
        tally = reader(handed_over).read(open_source(box))

        assert (tally.read, tally.known, tally.effects) == (2, 1, {"bounced": 1})
        with handed_over.connect() as connection:
            assert connection.scalar(select(func.count()).select_from(EVENT)) == 3

    def test_an_mbox_is_read_again_and_again_and_counts_once(
        self, handed_over: Engine, three: list[bytes], tmp_path: Path
    ) -> None:
        path = tmp_path / "bounces"
        quoted = [raw.replace(b"\nThe mail", b"\n>From here on\nThe mail") for raw in three]
        path.write_bytes(
            b"".join(b"From MAILER-DAEMON Sat Apr 11 10:00:00 2026\n" + raw + b"\n" for raw in quoted)
        )

        tallies = [reader(handed_over).read(open_source(path)) for _ in range(2)]

        assert [(tally.read, tally.known) for tally in tallies] == [(3, 0), (3, 3)]
        assert [sum(tally.effects.values()) for tally in tallies] == [3, 0]

    def test_a_file_with_one_message_is_one(
        self, handed_over: Engine, three: list[bytes], tmp_path: Path
    ) -> None:
        path = tmp_path / "one.eml"
        path.write_bytes(three[0])

        assert reader(handed_over).read(open_source(path)).effects == {"bounced": 1}

    def test_an_empty_mailbox_has_no_message(self, handed_over: Engine, tmp_path: Path) -> None:
        path = tmp_path / "emptied"
        path.touch()

        assert list(open_source(path)) == []

    def test_what_is_no_source_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no Maildir"):
            open_source(tmp_path)
        with pytest.raises(UsageError, match="cannot be read"):
            list(open_source(tmp_path / "nothing"))

    def test_the_same_bounce_delivered_twice_is_one(self, handed_over: Engine, three: list[bytes]) -> None:
        again = b"Received: by another.example\n" + three[0]

        assert take(handed_over, three[0], again).known == 1


def maildir(folder: Path, raws: list[bytes]) -> Path:
    box = folder / "Maildir"
    for name in ("new", "cur", "tmp"):
        (box / name).mkdir(parents=True)
    for number, raw in enumerate(raws):
        (box / "new" / f"{number}.host").write_bytes(raw)
    return box


FUZZ = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class TestAnything:
    """Nothing that anybody sends is an error of ours, or suppresses without our signature."""

    @FUZZ
    @given(raw=st.binary(max_size=400))
    def test_bytes(self, handed_over: Engine, raw: bytes) -> None:
        take(handed_over, raw)
        assert suppressions(handed_over) == 0

    @FUZZ
    @given(form=st.sampled_from(sorted(FORMS)), data=st.data())
    def test_forged_and_cut_and_changed(self, handed_over: Engine, form: str, data: st.DataObject) -> None:
        name = delivery(handed_over)
        raw = bytearray(FORMS[form](FORGED.address(name), bounced.original(name)))
        for _ in range(data.draw(st.integers(0, 5))):
            place = data.draw(st.integers(0, len(raw) - 1))
            raw[place : place + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=20))
            raw = raw or bytearray(b"x")
        raw = raw[: data.draw(st.integers(0, len(raw)))]

        take(handed_over, bytes(raw))

        assert (status(handed_over), suppressions(handed_over)) == (Status.ACTIVE, 0)

    @pytest.mark.parametrize(
        "make",
        [
            lambda: b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\nContent-Type: multipart/mixed; boundary=a\n\n" * 3000,
            lambda: b"".join(b"X-%d: %s\n" % (n, b"y" * 1000) for n in range(3000)) + b"\n",
            lambda: b"To: " + b"<" * 100_000 + b"\n\n",
            lambda: b"To: " + b"(" * 50_000 + b"\n\n",
            lambda: b"Subject: x\n" + b"Content-Type: message/rfc822\n\n" * 2000,
            lambda: b"Content-Type: multipart/report; boundary=\"b\"\n\n" + b"--b\nContent-Type: message/delivery-status\n\n" + b"Action: failed\n\n" * 50_000,
            lambda: b"From: MAILER-DAEMON\n\n" + b"<a@b.example>:\n" * 50_000,
            lambda: "From: MAILER-DAEMON\nSubject: \udcff\n\n\udcff".encode("utf-8", "surrogateescape"),
            lambda: b"Date: Mon, 99 Abc 99999 99:99:99 +9999\nContent-Type: message/delivery-status\n\n\xff\xfe",
            lambda: b"Content-Transfer-Encoding: base64\nContent-Type: message/feedback-report\n\n====",
        ],
        ids=["nested", "huge header", "angles", "comments", "messages in messages", "many recipients", "many addresses", "bytes", "no date", "no base64"],
    )  # fmt: skip
    def test_monsters(self, handed_over: Engine, make: Callable[[], bytes]) -> None:
        assert take(handed_over, make()).read == 1
        assert suppressions(handed_over) == 0
