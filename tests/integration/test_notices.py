"""Notices on their way: durable with what they answer, never handed over twice blindly, never lost."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from threading import Event
from zoneinfo import ZoneInfo

import pytest
from fakes import bounced
from fakes.sendgrid import KEY, sendgrid
from fakes.smtp import real_smtp_server
from joining import NOON, Service
from pydantic import SecretStr
from sqlalchemy import select, update

from newsletter.config import Publication, SendgridSettings, SmtpSettings
from newsletter.config.sections import DeliverySettings
from newsletter.delivery.pace import Limits, Pace
from newsletter.errors import ProviderError, ThemeError
from newsletter.feedback.bounces import Reader
from newsletter.feedback.consequences import Rules
from newsletter.feedback.sources import Letter
from newsletter.messages.return_path import ReturnPath
from newsletter.notices import Forgetting, handing_over
from newsletter.notices.handing_over import Desk, hand_over
from newsletter.notices.postman import postman
from newsletter.notices.queue import LEASE, claim, count_notices, next_due
from newsletter.notices.tables import NOTICE
from newsletter.notices.writing import moment
from newsletter.providers import Outcome, Verdict
from newsletter.providers.sendgrid import SendgridProvider
from newsletter.providers.smtp import SmtpProvider
from subscribers import Status, SuppressionReason, Tokens, writing

ADA, BOB = "ada@example.com", "bob@example.com"
DEAD = "elsewhere:1:1:dead"


class Provider:
    """A provider that answers as it is told, and keeps what it was handed."""

    name, window, batch_size, concurrency, smtputf8 = "test", 10, 10, 1, False

    def __init__(self, *verdicts, idempotent=False, unreachable=False):
        self.verdicts, self.idempotent, self.unreachable = list(verdicts), idempotent, unreachable
        self.handed, self.paths, self.called = [], [], Event()

    def describe(self):
        return "a test"

    @contextmanager
    def connect(self, dispatch="test"):
        gone = self.unreachable
        self.called.set()
        if gone:
            raise ProviderError("nobody answers ada@example.com")
        yield self

    def send(self, messages):
        for message in messages:
            verdict = self.verdicts.pop(0) if self.verdicts else Verdict.ACCEPTED
            if verdict is None:
                raise ProviderError("the connection was lost before the next message")
            if verdict == "crash":
                raise SystemExit
            self.handed.append(message.email)
            self.paths.append(message.return_path)
            yield Outcome(message.delivery_id, verdict, f"said of <{message.email}>")


@pytest.fixture
def service(tmp_path, engine):
    return Service(tmp_path, engine, {"proof_of_work": 0, "form_seconds": 0})


@pytest.fixture
def quick(tmp_path, sqlite_engine):
    """The same for what has nothing to do with the database."""
    return Service(tmp_path, sqlite_engine, {"proof_of_work": 0, "form_seconds": 0})


def join(service, *emails):
    for email in emails:
        assert service.join(email, proof=False).status_code == 200


def rows(service):
    with service.engine.connect() as connection:
        return connection.execute(select(NOTICE).order_by(NOTICE.c.id)).all()


def states(service):
    return [row.state for row in rows(service)]


def test_a_notice_is_there_with_its_sign_up_and_waits_until_somebody_hands_it_over(service):
    join(service, ADA)
    assert states(service) == ["waiting"]
    provider = Provider()

    assert service.deliver(provider) == {"accepted": 1}
    assert service.deliver(provider) == {}
    assert provider.handed == [ADA]
    assert count_notices(service.engine) == {"confirm": {"accepted": 1}}


def test_no_notice_has_an_address_in_it(service):
    join(service, ADA)
    service.deliver(Provider(Verdict.REJECTED))

    assert "example.com" not in str(rows(service))
    assert rows(service)[0].reason == "said of <(address)>"


def test_a_theme_that_cannot_be_read_loses_no_notice(service, monkeypatch):
    join(service, ADA, BOB)

    def broken(*_):
        raise ThemeError("a tag is not closed", where="notice.mjml.j2")

    with monkeypatch.context() as patch:
        patch.setattr(handing_over, "write_notice", broken)
        with pytest.raises(ThemeError):
            service.deliver(Provider())
    assert states(service) == ["waiting", "waiting"]

    service.later(minutes=2)
    assert service.deliver(Provider()) == {"accepted": 2}


def test_a_fault_while_one_is_handed_over_leaves_that_one_in_doubt_and_no_other(service):
    class Faulty(Provider):
        def send(self, messages):
            raise ValueError("a fault of the program")

    join(service, ADA, BOB)
    with pytest.raises(ValueError, match="fault"):
        service.deliver(Faulty())

    assert states(service) == ["uncertain", "waiting"]


def test_what_is_not_taken_for_now_is_tried_again_later_and_not_for_ever(service):
    join(service, ADA)
    provider = Provider(*[Verdict.DEFERRED] * 100)
    service.deliver(provider)
    service.deliver(provider)
    assert (states(service), len(provider.handed)) == (["waiting"], 1)

    for _ in range(100):
        service.later(hours=3)
        service.deliver(provider)
    assert states(service) == ["failed"]
    assert len(provider.handed) == 20


def test_a_provider_that_cannot_be_reached_keeps_nothing_from_being_tried_again(service):
    join(service, ADA)
    with pytest.raises(ProviderError):
        service.deliver(Provider(unreachable=True))
    assert states(service) == ["waiting"]
    service.later(minutes=2)

    assert service.deliver(Provider()) == {"accepted": 1}


def test_only_what_was_not_handed_over_is_tried_again(service):
    join(service, ADA, BOB)
    provider = Provider(Verdict.UNCERTAIN, None)
    with pytest.raises(ProviderError):
        service.deliver(provider)
    assert states(service) == ["uncertain", "waiting"]
    service.later(days=1)
    service.deliver(provider)

    assert states(service) == ["uncertain", "accepted"]
    assert provider.handed == [ADA, BOB]


@pytest.mark.parametrize(("idempotent", "then"), [(False, "uncertain"), (True, "accepted")])
def test_who_dies_during_the_call_leaves_doubt_and_no_second_mail(service, idempotent, then):
    """The same rules as for dispatches: where handing over twice would mail twice, it is not done."""
    join(service, ADA)
    with pytest.raises(SystemExit):
        service.deliver(Provider("crash", idempotent=idempotent))
    assert states(service) == ["calling"]
    other = Provider(idempotent=idempotent)
    service.deliver(other)
    assert (states(service), other.handed) == (["calling"], [])  # its process lives

    with writing(service.engine) as connection:
        connection.execute(update(NOTICE).values(worker=f"{rows(service)[0].worker.rsplit(':', 3)[0]}:1:0:x"))
    service.deliver(other)
    assert states(service) == [then]


def test_who_is_silent_elsewhere_for_an_hour_counts_as_dead(service):
    join(service, ADA)
    claim(service.engine, DEAD, service.time, 10)
    service.deliver(Provider())
    assert states(service) == ["calling"]
    service.time += LEASE * 2
    service.deliver(Provider())

    assert states(service) == ["uncertain"]


def test_two_who_hand_over_at_once_share_nothing(service):
    join(service, ADA, BOB)
    first, _ = claim(service.engine, "one", service.time, 1)
    second, _ = claim(service.engine, "two", service.time, 10)

    assert [[each.email for each in taken] for taken in (first, second)] == [[ADA], [BOB]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda store: store.suppress(ADA, SuppressionReason.MANUAL), "suppressed (manual)"),
        (lambda store: store.suppress(ADA, SuppressionReason.COMPLAINED), "is complained"),
        (lambda store: store.unsubscribe(ADA, source="test"), "is unsubscribed"),
    ],
)
def test_what_happened_since_is_looked_at_before_the_call(service, change, reason):
    join(service, ADA)
    change(service.store)
    provider = Provider()

    assert service.deliver(provider) == {"skipped": 1}
    assert provider.handed == []
    assert rows(service)[0].reason == reason


def test_a_link_that_would_be_over_is_not_mailed(quick):
    join(quick, ADA)
    quick.later(days=8)
    provider = Provider()

    assert quick.deliver(provider) == {"skipped": 1}
    assert provider.handed == []


def test_erasure_takes_notices_and_their_files_with_it(service):
    join(service, ADA)
    service.deliver()
    folder = service.root / "outbox" / "notices"
    assert len(list(folder.iterdir())) == 1
    with Forgetting(service.publication.outbox) as along:
        service.store.erase(ADA, along=along)

    assert list(folder.iterdir()) == []
    assert rows(service) == []


def test_outcomes_are_forgotten_after_a_month(service):
    join(service, ADA)
    service.deliver(Provider())
    service.later(days=31)
    join(service, BOB)
    service.deliver(Provider())

    assert [row.subscriber_id for row in rows(service)] == [service.store.find(BOB).id]


def test_a_postman_hands_over_when_called(service):
    provider = Provider()
    with postman(Desk(service.publication, service.engine, lambda: service.time, provider)) as call:
        join(service, ADA)
        call()
        assert provider.called.wait(300)

    assert (states(service), provider.handed) == (["accepted"], [ADA])


def test_a_sign_of_life_is_given_before_each_notice(quick):
    join(quick, ADA)
    join(quick, BOB)
    provider, handed = Provider(), []
    hand_over(
        Desk(
            quick.publication,
            quick.engine,
            lambda: quick.time,
            provider,
            beat=lambda: handed.append(len(provider.handed)),
        )
    )

    assert handed == [0, 1]


def test_a_postman_without_work_gives_signs_of_life(quick):
    beaten = Event()
    with postman(Desk(quick.publication, quick.engine, lambda: quick.time, Provider(), beat=beaten.set)):
        assert beaten.wait(30)


def test_a_postman_survives_what_goes_wrong(quick, caplog):
    join(quick, ADA)
    provider = Provider(unreachable=True)
    with postman(Desk(quick.publication, quick.engine, lambda: quick.time, provider)) as call:
        assert provider.called.wait(300)
        while "notices wait" not in caplog.text:
            pass  # it is being put back, by the clock as it is now
        provider.called.clear()
        provider.unreachable = False
        quick.later(minutes=5)
        call()
        assert provider.called.wait(300)

    assert "notices wait" in caplog.text
    assert "ada@" not in caplog.text
    assert states(quick) == ["accepted"]


def test_the_mail_of_a_notice_belongs_to_no_list_and_wants_no_answer(quick):
    join(quick, ADA)
    (mail,) = quick.mails()

    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["From"] == "Field Notes <notes@example.com>"
    assert not {"List-Unsubscribe", "List-Id", "Precedence"} & set(mail.keys())
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert "1 Example Street" in mail.get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    ("language", "zone", "said"),
    [
        ("en", "UTC", "April 11, 2026, 12:00\u202fPM UTC"),
        ("de", "Europe/Berlin", "11. April 2026, 14:00 UTC+2"),
        ("fr", "America/New_York", "11 avril 2026, 08:00 UTC\N{MINUS SIGN}4"),
        ("zh", "Asia/Kolkata", "2026年4月11日 17:30 UTC+5:30"),
    ],
)
def test_a_moment_says_in_which_zone_it_is(language, zone, said):
    """A reader elsewhere would come hours too late to a link that is over."""
    assert moment(datetime(2026, 4, 11, 12, tzinfo=UTC).astimezone(ZoneInfo(zone)), language) == said


def test_a_pending_reader_who_asks_for_their_link_gets_what_they_need(service):
    join(service, ADA)
    service.client.post("/preferences", data={"email": ADA, **service.form("/preferences")})
    service.later(minutes=1)

    assert [mail["Subject"] for mail in service.mails()] == ["Please confirm: Field Notes"]
    assert service.status(ADA) is Status.PENDING


def test_each_reader_gets_their_own_link_and_no_other_by_sendgrid(quick):
    """What is the same for many in one request would be the link of one of them."""
    join(quick, ADA, BOB)
    with sendgrid() as fake:
        settings = SendgridSettings(host=fake.url)
        told = quick.deliver(SendgridProvider(settings, key=SecretStr(KEY)))

    assert told == {"accepted": 2}
    for email in (ADA, BOB):
        who = quick.store.find(email).public_id
        (mail,) = fake.mail()[email]
        assert who in mail["text"]
        assert who in mail["html"]
        assert mail["headers"]["Auto-Submitted"] == "auto-generated"
        assert "List-Unsubscribe" not in mail["headers"]


def test_each_reader_gets_their_own_link_by_smtp(quick):
    taken = {}

    class Keeper:
        async def handle_DATA(self, server, session, envelope):
            taken[envelope.rcpt_tos[0]] = message_from_bytes(envelope.content, policy=policy.default)
            return "250 2.0.0 taken"

    join(quick, ADA, BOB)
    with real_smtp_server(Keeper()) as port:
        settings = SmtpSettings(host="127.0.0.1", port=port)
        told = quick.deliver(SmtpProvider(settings, sender="notes@example.com"))

    assert told == {"accepted": 2}
    for email in (ADA, BOB):
        assert quick.store.find(email).public_id in quick.link(taken[email])
        assert quick.client.post(quick.link(taken[email])).status_code == 200
        assert quick.status(email) is Status.ACTIVE


# The pace of the publication, and the way back.


def paced(service, provider, **settings):
    """Hand over what is due, with further settings, by a clock that goes on while somebody sleeps; when."""
    told, moments = service.publication.settings, []
    publication = Publication(service.root, told.model_copy(update=settings))
    send = provider.send

    def timed(messages):
        moments.extend((service.time - NOON).total_seconds() for _ in messages)
        return send(messages)

    provider.send = timed
    desk = Desk(
        publication, service.engine, lambda: service.time, provider, lambda wait: service.later(seconds=wait)
    )
    handing_over.hand_over(desk)
    provider.send = send
    return [round(moment - moments[0], 3) for moment in moments]


def test_notices_keep_to_the_rate_of_the_publication(service):
    join(service, *(f"reader{number}@example.com" for number in range(4)))
    moments = paced(service, Provider(), delivery=DeliverySettings(rate="2/second"))

    assert moments == [0, 0.5, 1.0, 1.5]


def test_notices_and_dispatches_have_one_budget(service):
    """What a dispatch let pass is paid for before a notice leaves, and the other way round."""
    join(service, ADA)
    delivery = DeliverySettings(rate="1/second")
    pace = Pace(service.engine, "test", Limits(rate=1.0), lambda: service.time)
    assert pace.take("", 3).count == 3
    before = service.time
    paced(service, Provider(), delivery=delivery)

    assert (service.time - before).total_seconds() == pytest.approx(3)
    assert pace.take("", 1).wait == pytest.approx(1)


def test_who_has_to_wait_for_long_is_put_back_and_it_is_no_try(service):
    join(service, ADA, BOB)
    provider, delivery = Provider(), DeliverySettings(rate="6/hour")
    paced(service, provider, delivery=delivery)
    paced(service, provider, delivery=delivery)
    assert provider.handed == [ADA]
    assert count_notices(service.engine) == {"confirm": {"accepted": 1, "waiting": 1}}

    service.later(minutes=11)
    paced(service, provider, delivery=delivery)
    assert provider.handed == [ADA, BOB]
    with service.engine.connect() as connection:
        assert set(connection.scalars(select(NOTICE.c.attempts))) == {1}


def test_a_domain_with_a_rate_of_its_own_holds_up_nobody_else(service):
    join(service, "a@slow.example", "b@slow.example", ADA)
    provider, delivery = Provider(), DeliverySettings(domains={"slow.example": "1/minute"})
    paced(service, provider, delivery=delivery)
    assert provider.handed == ["a@slow.example", ADA]

    due = next_due(service.engine)
    assert due is not None
    assert (due - service.time).total_seconds() == pytest.approx(60, abs=1)
    service.later(seconds=61)
    paced(service, provider, delivery=delivery)
    assert provider.handed[2:] == ["b@slow.example"]


def test_quiet_hours_and_warm_up_are_for_issues(service):
    """Whoever waits for a link wants it now."""
    join(service, ADA, BOB)
    provider = Provider()
    paced(service, provider, delivery=DeliverySettings(quiet_hours="00:00-23:59", warm_up=(1,)))

    assert provider.handed == [ADA, BOB]


def test_a_notice_has_a_signed_way_back_and_its_bounce_counts(service):
    """The address does not take mail: nobody mails it again, and the same bounce says so once."""
    join(service, ADA)
    provider, smtp = Provider(), SmtpSettings(return_path="bounce@bounces.example.com")
    paced(service, provider, smtp=smtp)
    path = ReturnPath.of(smtp, service.engine)
    (address,) = provider.paths
    with service.engine.connect() as connection:
        assert path.read(address) == connection.scalar(select(NOTICE.c.name))

    raw = bounced.dsn(address, "", recipient=ADA).replace(b"10:00:00", b"12:30:00")
    reader = Reader(service.engine, Rules(), Tokens(service.engine), path, lambda: service.time)
    service.later(hours=1)
    tally = reader.read([Letter(raw), Letter(raw)])
    assert (tally.effects, tally.known, tally.unknown) == ({"bounced": 1}, 1, 0)
    assert service.status(ADA) is Status.BOUNCED


def test_without_a_return_path_notices_come_back_to_the_sender(service):
    join(service, ADA)
    provider = Provider()
    paced(service, provider)

    assert provider.paths == [""]
