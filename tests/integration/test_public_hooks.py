"""The webhook as the internet meets it: signed or refused, durable or not answered with 200, never an error of ours."""

from __future__ import annotations

import json
import logging
import time

import pytest
from fakes.dispatching import fill, plan, run
from fakes.feedback import events
from fakes.providers import ScriptedProvider
from fakes.sendgrid_hook import BEGAN, Signer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from webclient import WebClient

from newsletter.config import Publication, PublicationSettings, SendgridSettings, Settings
from newsletter.public import create_app
from newsletter.public.hooks import MAX_BODY
from subscribers import Status, SubscriberStore
from subscribers.engagement import EVENT

PATH = "/webhooks/sendgrid"


@pytest.fixture(scope="module")
def signer():
    return Signer()


def app(tmp_path, engine, **sendgrid):
    said = {"name": "Notes", "from": "Notes <notes@example.com>", "url": "https://notes.example.com"}
    given_ = Settings(publication=PublicationSettings(**said), sendgrid=SendgridSettings(**sendgrid))
    return WebClient(create_app(Publication(tmp_path, given_), engine))


@pytest.fixture
def client(tmp_path, engine, signer):
    return app(tmp_path, engine, webhook_key=signer.key)


@pytest.fixture
def told(engine):
    fill(engine, 2)
    provider = ScriptedProvider()
    plan(engine, provider)
    run(engine, provider)
    return events(engine, ["delivered", "bounce"])


def count(engine):
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(EVENT))


def post(client, body, headers):
    return client.post(PATH, content=body, headers=headers)


def test_signed_events_are_kept_and_acted_on(client, engine, signer, told):
    body = json.dumps(told, indent=1).encode() + b"\r\n"  # as it is, to the last line end

    answer = post(client, body, signer.headers(body))

    assert (answer.status_code, answer.json()) == (200, {"new": 2, "known": 0, "unknown": 0})
    assert SubscriberStore(engine).find("reader1@example.com").status is Status.BOUNCED


def test_the_same_request_again_changes_nothing(client, engine, signer, told):
    """SendGrid repeats what it is not sure of; and whoever recorded a request may."""
    body = json.dumps(told).encode()
    headers = signer.headers(body, 1_577_836_800)

    assert [post(client, body, headers).json()["new"] for _ in range(3)] == [2, 0, 0]
    assert count(engine) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"X-Twilio-Email-Event-Webhook-Signature": None},
        {"X-Twilio-Email-Event-Webhook-Timestamp": None},
        {"X-Twilio-Email-Event-Webhook-Signature": "abc"},
        {"X-Twilio-Email-Event-Webhook-Signature": "MEUCIQ=="},
        {"X-Twilio-Email-Event-Webhook-Signature": "x" * 5000},
        {"X-Twilio-Email-Event-Webhook-Timestamp": str(BEGAN + 1)},
        {"X-Twilio-Email-Event-Webhook-Timestamp": "-1"},
        {"X-Twilio-Email-Event-Webhook-Timestamp": ""},
    ],
    ids=lambda change: " ".join(f"{name[27:]}={str(value)[:9]}" for name, value in change.items()),
)
def test_what_is_not_signed_is_refused(client, engine, signer, told, change):
    body = json.dumps(told).encode()
    headers = {name: value for name, value in {**signer.headers(body), **change}.items() if value is not None}

    assert post(client, body, headers).status_code == 403
    assert count(engine) == 0


def test_what_another_key_signed_or_was_changed_is_refused(client, engine, signer, told):
    body = json.dumps(told).encode()

    assert post(client, body, Signer().headers(body)).status_code == 403
    assert post(client, body + b" ", signer.headers(body)).status_code == 403
    assert count(engine) == 0


def test_digits_cannot_move_from_the_time_to_the_body(client, signer):
    """The two are signed without a sign between them; a body that begins with a digit is no array."""
    body = b"[]"
    headers = signer.headers(body, "12345")
    moved = {**headers, "X-Twilio-Email-Event-Webhook-Timestamp": "1234"}

    assert post(client, b"5[]", moved).status_code == 400
    assert post(client, body, headers).status_code == 200


def test_without_a_key_there_is_no_such_page_and_the_log_tells_why(tmp_path, engine, signer, told, caplog):
    body = json.dumps(told).encode()
    with caplog.at_level(logging.WARNING):
        assert post(app(tmp_path, engine), body, signer.headers(body)).status_code == 404
        assert post(app(tmp_path, engine, webhook_key="none"), body, signer.headers(body)).status_code == 404

    assert "set `[sendgrid] webhook_key`" in caplog.text
    assert "this is no verification key" in caplog.text


def test_the_key_may_stand_in_a_file_with_or_without_its_frame(tmp_path, engine, signer, told):
    (tmp_path / "hook.pem").write_text(
        f"-----BEGIN PUBLIC KEY-----\n{signer.key[:64]}\n{signer.key[64:]}\n-----END PUBLIC KEY-----\n",
        encoding="utf-8",
    )
    body = json.dumps(told).encode()

    answer = post(app(tmp_path, engine, webhook_key_file="hook.pem"), body, signer.headers(body))

    assert answer.status_code == 200


def test_what_was_signed_too_long_ago_may_be_refused(tmp_path, engine, signer):
    client = app(tmp_path, engine, webhook_key=signer.key, webhook_hours=48)
    now = int(time.time())

    codes = [
        post(client, b"[]", signer.headers(b"[]", now - age * 3600)).status_code for age in (0, 47, 49, -1)
    ]
    assert codes == [200, 200, 403, 403]


def test_events_that_cannot_be_read_lose_no_others(client, engine, signer, told, caplog):
    """They would not become readable when they come again, so the answer is 200."""
    body = json.dumps(
        [
            1,
            None,
            [],
            {},
            {"event": 7},
            {**told[0], "timestamp": "soon"},
            {**told[0], "timestamp": 10**30},
            *told,
        ]
    ).encode()
    with caplog.at_level(logging.WARNING):
        answer = post(client, body, signer.headers(body))

    assert (answer.status_code, answer.json()["new"]) == (200, 2)
    assert "left out: 3 (no object)" in caplog.text
    assert "left out: 2 (no moment)" in caplog.text
    assert "@" not in caplog.text


def test_a_large_request_passes_and_a_huge_one_does_not(client, signer):
    """SendGrid posts up to 768 kB; nothing else takes as much."""
    body = b"[" + b" " * 800_000 + b"]"
    huge = b"[" + b" " * MAX_BODY + b"]"

    assert post(client, body, signer.headers(body)).status_code == 200
    assert post(client, huge, signer.headers(huge)).status_code == 413
    assert client.post("/unsubscribe/x", content=body).status_code == 413


def test_without_the_database_the_answer_is_not_200(client, engine, signer, told):
    """SendGrid then tells it again; a transaction that fails in the end keeps nothing."""
    body = json.dumps(told).encode()

    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE event RENAME TO away"))
    assert post(client, body, signer.headers(body)).status_code == 503
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO event"))
    assert post(client, body, signer.headers(body)).json()["new"] == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["event", "timestamp", "sg_event_id", "newsletter_delivery", "url", "reason", "smtp-id"]
            )
            | st.text(max_size=9),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)
FUZZ = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(body=st.binary(max_size=200), signature=st.binary(max_size=90), timestamp=st.text(max_size=12))
def test_nothing_unsigned_is_an_error_of_ours(client, body, signature, timestamp):
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": signature.replace(b"\n", b"").replace(b"\r", b"").strip()
        or b"x",
        "X-Twilio-Email-Event-Webhook-Timestamp": (
            timestamp.encode().replace(b"\n", b"").replace(b"\r", b"") or b"1"
        ),
    }
    assert post(client, body, headers).status_code == 403


@FUZZ
@given(body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_nothing_signed_is_an_error_of_ours(client, signer, body):
    """What is not UTF-8 is no text, of which the signature would be."""
    assert post(client, body, signer.headers(body)).status_code in (200, 400, 403)


@FUZZ
@given(
    changes=st.dictionaries(
        st.sampled_from(
            [
                "event",
                "timestamp",
                "sg_event_id",
                "url",
                "reason",
                "status",
                "type",
                "newsletter_batch",
                "response",
            ]
        ),
        JSON | st.sampled_from(["click", "bounce", "\ud800", "a\0b", "9" * 30, 2**70]),
        max_size=4,
    )
)
def test_no_field_of_an_event_is_an_error_of_ours(client, engine, signer, told, changes):
    """Whatever stands in it, the database takes it or it is left out."""
    body = json.dumps([{**told[0], **changes}, told[1]]).encode()

    assert post(client, body, signer.headers(body)).status_code == 200


def test_deep_nesting_is_no_error_of_ours(client, signer):
    body = b"[" * 100_000
    assert post(client, body, signer.headers(body)).status_code == 400
