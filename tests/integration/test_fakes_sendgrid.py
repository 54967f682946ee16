"""The fake of SendGrid is strict: each documented limit is refused, at the limit and not before."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from fakes.sendgrid import KEY, Sendgrid, sendgrid
from fakes.sendgrid_rules import FORBIDDEN, MOST_BYTES

Body = dict[str, Any]


def body(count: int = 1) -> Body:
    """A request that is in order."""
    return {
        "from": {"email": "news@example.com"},
        "subject": "News",
        "content": [
            {"type": "text/plain", "value": "Hello -n-"},
            {"type": "text/html", "value": "<p>Hello -n-</p>"},
        ],
        "custom_args": {"dispatch": "d"},
        "personalizations": [
            {"to": [{"email": f"reader{n}@example.com"}], "substitutions": {"-n-": "Ann"}}
            for n in range(count)
        ],
    }


def post(
    fake: Sendgrid,
    what: bytes | Body,
    *,
    path: str = "/v3/mail/send",
    method: str = "POST",
    **headers: str,
) -> tuple[int, list[dict[str, str]]]:
    """The status and the errors of an answer."""
    connection = http.client.HTTPConnection(urlsplit(fake.url).netloc, timeout=300)
    try:
        content = what if isinstance(what, bytes) else json.dumps(what).encode()
        given = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        given.update({name.replace("_", "-"): value for name, value in headers.items()})
        connection.request(method, path, content, given)
        response = connection.getresponse()
        answer = response.read()
        return response.status, json.loads(answer)["errors"] if response.status >= 400 else []
    finally:
        connection.close()


def first(key: str, value: object) -> Callable[[Body], object]:
    """Set something of the first recipient."""
    return lambda body: body["personalizations"][0].update({key: value})


def top(**values: object) -> Callable[[Body], object]:
    return lambda body: body.update(values)


def without(key: str) -> Callable[[Body], object]:
    return lambda body: body.pop(key)


WRONG: list[tuple[str, Callable[[Body], object], str]] = [
    ("no recipients", top(personalizations=[]), "personalizations"),
    ("1001 personalizations", top(personalizations=body(1001)["personalizations"]), "personalizations"),
    (
        "1001 recipients in fewer personalizations",
        lambda body: body["personalizations"][0].update(cc=[{"email": f"c{n}@example.com"} for n in range(1000)]),
        "personalizations",
    ),
    ("no `to`", lambda body: body["personalizations"][0].pop("to"), "personalizations.0"),
    ("an empty `to`", first("to", []), "personalizations.0.to"),
    ("no address", first("to", [{"email": "ann"}]), "personalizations.0.to.0.email"),
    ("an address beyond ASCII", first("to", [{"email": "änn@example.com"}]), "personalizations.0.to.0.email"),
    (
        "an address twice, in another case",
        lambda body: body["personalizations"].append({"to": [{"email": "READER0@example.com"}]}),
        "personalizations",
    ),
    (
        "an address in `to` and `bcc`",
        first("bcc", [{"email": "reader0@example.com"}]),
        "personalizations",
    ),
    ("10,001 bytes of substitutions", first("substitutions", {"-n-": "é" * 4999}), "personalizations.0.substitutions"),
    ("a substitution that is no string", first("substitutions", {"-n-": 1}), "personalizations.0.substitutions.-n-"),
    ("a tag with a blank", first("substitutions", {"-n -": "x"}), "personalizations.0.substitutions"),
    ("a tag with a sign of HTML", first("substitutions", {"<n>": "x"}), "personalizations.0.substitutions"),
    ("a tag within a value", first("substitutions", {"-n-": "-m-", "-m-": "x"}), "personalizations.0.substitutions"),
    ("a header that is no string", first("headers", {"X-Number": 1}), "personalizations.0.headers"),
    ("a header of two lines", first("headers", {"X-Lines": "a\r\nBcc: b"}), "personalizations.0.headers"),
    ("a header without a name", first("headers", {"X Y": "a"}), "personalizations.0.headers"),
    ("an argument that is no string", first("custom_args", {"n": 1}), "personalizations.0.custom_args"),
    ("10,001 bytes of arguments", first("custom_args", {"n": "x" * 9_993}), "personalizations.0.custom_args"),
    ("an argument of all that is no string", top(custom_args={"n": 1}), "custom_args.n"),
    ("arguments of all that are a string", top(custom_args="n"), "custom_args"),
    ("an unknown parameter", top(subjct="x"), "subjct"),
    ("an unknown parameter of a recipient", first("name", "Ann"), "personalizations.0.name"),
    ("no sender", without("from"), ""),
    ("a sender without an address", top(**{"from": {"name": "News"}}), "from"),
    ("no subject", without("subject"), "subject"),
    ("an empty subject", top(subject=""), "subject"),
    ("no content", without("content"), "content"),
    ("an empty content", top(content=[{"type": "text/plain", "value": ""}]), "content.0.value"),
    ("HTML before text", lambda body: body["content"].reverse(), "content"),
    ("11 categories", top(categories=[f"c{n}" for n in range(11)]), "categories"),
    ("a category twice", top(categories=["c", "c"]), "categories"),
    ("a category of 256 characters", top(categories=["c" * 256]), "categories.0"),
    ("an empty category", top(categories=[""]), "categories"),
    ("later than in 72 hours", top(send_at=int(time.time()) + 80 * 3600), "send_at"),
    (
        "later than in 72 hours for one",
        first("send_at", int(time.time()) + 80 * 3600),
        "personalizations.0.send_at",
    ),
    (
        "two ways to reply",
        top(reply_to={"email": "a@example.com"}, reply_to_list=[{"email": "a@example.com"}]),
        "reply_to_list",
    ),
    (
        "a bypass beside the whole bypass",
        top(mail_settings={"bypass_list_management": {}, "bypass_spam_management": {}}),
        "mail_settings",
    ),
    ("a sandbox that is neither on nor off", top(mail_settings={"sandbox_mode": {"enable": "yes"}}), "mail_settings.sandbox_mode.enable"),
    ("an attachment without a name", top(attachments=[{"content": "eA=="}]), "attachments.0"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "field"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG])
def test_what_is_wrong_is_refused_whole_and_named(change: Callable[[Body], object], field: str) -> None:
    wrong = body()
    change(wrong)
    with sendgrid() as fake:
        status, errors = post(fake, wrong)

        assert (status, fake.accepted) == (400, [])
    assert errors[0]["field"] == field


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
@pytest.mark.parametrize("level", ["message", "recipient"])
def test_headers_that_sendgrid_writes_itself_are_refused(name: str, level: str) -> None:
    wrong = body()
    (wrong if level == "message" else wrong["personalizations"][0])["headers"] = {name.title(): "x"}
    with sendgrid() as fake:
        status, errors = post(fake, wrong)

    assert status == 400
    assert errors[0]["field"].endswith("headers")


RIGHT: list[tuple[str, Callable[[Body], object]]] = [
    ("nothing special", lambda body: None),
    ("1000 recipients", top(personalizations=body(1000)["personalizations"])),
    ("10,000 bytes of substitutions", first("substitutions", {"-n-": "x" * 9_997})),
    ("10 categories of 255 characters", top(categories=[f"{n}" + "c" * 254 for n in range(10)])),
    ("in 72 hours", top(send_at=int(time.time()) + 71 * 3600)),
    ("a header for leaving", first("headers", {"List-Unsubscribe": "<https://example.com/u>"})),
    ("text alone", lambda body: body["content"].pop()),
]


@pytest.mark.parametrize("change", [each[1] for each in RIGHT], ids=[each[0] for each in RIGHT])
def test_what_is_right_is_taken(change: Callable[[Body], object]) -> None:
    right = body()
    change(right)
    with sendgrid() as fake:
        assert post(fake, right) == (202, [])
        assert fake.bodies == [right]


def test_a_request_has_at_most_20_megabytes() -> None:
    large, larger = ({**body(), "content": [{"type": "text/html", "value": "x"}]} for _ in range(2))
    size = len(json.dumps(large).encode())
    large["content"][0]["value"] = "x" * (MOST_BYTES - size + 1)
    larger["content"][0]["value"] = "x" * (MOST_BYTES - size + 2)
    with sendgrid() as fake:
        assert post(fake, large)[0] == 202
        assert post(fake, larger)[0] == 413


def test_the_key_is_wanted() -> None:
    with sendgrid() as fake:
        assert post(fake, body(), Authorization="Bearer SG.other")[0] == 401


def test_only_json_is_understood() -> None:
    with sendgrid() as fake:
        assert post(fake, body(), Content_Type="text/plain")[0] == 415
        assert post(fake, b'{"personalizations":', Content_Type="application/json")[0] == 400


def test_there_is_one_way_in() -> None:
    with sendgrid() as fake:
        assert post(fake, body(), path="/v3/mail/sent")[0] == 404
        assert post(fake, b"", method="GET")[0] == 405


def test_the_sandbox_checks_and_takes_nothing() -> None:
    sandbox = {**body(), "mail_settings": {"sandbox_mode": {"enable": True}}}
    with sendgrid() as fake:
        assert post(fake, sandbox)[0] == 200
        assert post(fake, {**sandbox, "subject": ""})[0] == 400
        assert fake.accepted == []
