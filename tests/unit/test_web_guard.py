"""The door of both web services."""

from __future__ import annotations

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response
from webclient import WebClient

from newsletter.web import Guard
from newsletter.web.guard import LOOPBACK, MAX_BODY

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
