"""The door of both web services."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response
from webclient import WebClient

from newsletter.web import Guard
from newsletter.web.guard import LOOPBACK, MAX_ADDRESS, MAX_BODY, MAX_HEADERS

HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


async def streamed(kilobytes):
    for _ in range(kilobytes):
        yield b"x" * 1024


def door(**options) -> WebClient:
    app = FastAPI()

    @app.get("/kept")
    def kept():
        return Response("kept", headers={"Cache-Control": "public"})

    @app.post("/echo")
    async def echo(request: Request):
        return {"size": len(await request.body())}

    app.add_middleware(Guard, headers=HEADERS, **options)
    return WebClient(app)


def test_every_answer_bears_the_headers_unless_it_has_its_own():
    client = door()

    assert client.get("/nowhere").headers["cache-control"] == "no-store"
    assert client.get("/kept").headers["cache-control"] == "public"
    assert client.get("/kept").headers["x-content-type-options"] == "nosniff"


def test_a_body_up_to_the_limit_passes_whole():
    assert door().post("/echo", content=b"x" * MAX_BODY).json() == {"size": MAX_BODY}


def test_a_longer_body_is_refused_whether_announced_or_streamed():
    client = door()

    assert client.post("/echo", content=b"x" * (MAX_BODY + 1)).status_code == 413
    assert client.post("/echo", content=streamed(65)).status_code == 413


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8025", "[::1]:8025", "LOCALHOST"])
def test_a_loopback_name_is_served(host):
    assert door(hosts=LOOPBACK).get("/kept", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["news.example.com", "127.0.0.1.example.com", "", "[::", "example.com:127.0.0.1"]
)
def test_any_other_name_is_refused(host):
    """DNS rebinding: a foreign site's name that leads to this machine."""
    assert door(hosts=LOOPBACK).get("/kept", headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    ("origin", "status"), [("http://127.0.0.1:8000", 200), ("https://evil.example.com", 403), ("null", 403)]
)
def test_another_site_cannot_send(origin, status):
    assert door(hosts=LOOPBACK).post("/echo", headers={"origin": origin}).status_code == status


def test_a_request_with_two_lengths_is_refused():
    headers = {"content-length": "3", "transfer-encoding": "chunked"}
    answer = door().get("/kept", headers=headers)

    assert (answer.status_code, answer.headers["connection"]) == (400, "close")


def test_headers_and_addresses_have_a_limit():
    assert door().get("/kept", headers={"x-long": "a" * MAX_HEADERS}).status_code == 431
    assert door().get("/kept?" + "a" * MAX_ADDRESS).status_code == 414


def test_a_body_that_does_not_come_is_not_waited_for():
    """The client is told so, and its connection ends."""

    async def stalled():
        yield b"x"
        await asyncio.Event().wait()

    answer = door(body_seconds=0.05).post("/echo", content=stalled())

    assert (answer.status_code, answer.headers["connection"]) == (408, "close")


def test_what_is_told_over_tls_is_told_over_tls_only():
    client = WebClient(door(over_tls={"strict-transport-security": "max-age=1"})._app, "https://a.example")

    assert client.get("/kept").headers["strict-transport-security"] == "max-age=1"
    assert (
        "strict-transport-security" not in door(over_tls={"strict-transport-security": "x"}).get("/").headers
    )


def test_a_form_of_another_site_passes_where_a_token_says_who_asks():
    """RFC 8058: the page of a mail service may send it; but no other name is answered for it."""
    client = door(hosts=LOOPBACK, forms_of_others=True)

    assert client.post("/echo", headers={"origin": "https://mail.example.com"}).status_code == 200
    assert client.post("/echo", headers={"host": "mail.example.com"}).status_code == 403
