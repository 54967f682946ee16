"""Answers that caches may keep."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI, Request
from hypothesis import given, settings
from hypothesis import strategies as st
from webclient import WebClient

from newsletter.web.kept import Kept, takes_gzip

BODY = b"swallow " * 500
MODIFIED = datetime(2026, 4, 11, 9, 30, 0, 5000, tzinfo=UTC)


@pytest.fixture
def client():
    app = FastAPI()

    @app.get("/")
    def page(request: Request):
        return Kept(BODY, modified=MODIFIED).answer(request)

    return WebClient(app)


def test_it_is_compressed_when_asked_and_only_then(client):
    plain = client.get("/", headers={"accept-encoding": "identity"})
    packed = client.get("/", headers={"accept-encoding": "br, gzip;q=0.5"})

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.content == packed.content == BODY
    assert int(packed.headers["content-length"]) == len(gzip.compress(BODY, 6, mtime=0))
    assert plain.headers["vary"] == packed.headers["vary"] == "accept-encoding"
    assert plain.headers["etag"] != packed.headers["etag"]


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [("gzip", True), ("GZIP", True), ("gzip;q=0", False), ("gzip;q=0.0", False), ("gzip;q=0.01", True), ("", False),
     ("x-gzip", False), ("br", False), ("*", False), (",,gzip ; q=1", True)],
)  # fmt: skip
def test_a_weight_of_nought_is_a_no(accepted, taken):
    assert takes_gzip(accepted) is taken


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_of_codings_is_read(accepted):
    assert takes_gzip(accepted) in {True, False}


@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_what_is_known_is_not_sent_again(client, coding):
    etag = client.get("/", headers={"accept-encoding": coding}).headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        again = client.get("/", headers={"accept-encoding": coding, "if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
        assert again.headers["cache-control"] == "public, max-age=300"
    assert client.get("/", headers={"if-none-match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("Sat, 11 Apr 2026 09:30:00 GMT", 304),
        ("Sat, 11 Apr 2026 09:29:59 GMT", 200),
        ("yesterday", 200),
        ("Sat, 99 Apr 99999999999 09:30:00 GMT", 200),
    ],
)
def test_a_date_serves_those_without_a_tag(client, since, status):
    assert client.get("/", headers={"if-modified-since": since}).status_code == status


def test_a_tag_counts_more_than_a_date(client):
    headers = {"if-none-match": '"other"', "if-modified-since": "Sat, 11 Apr 2026 09:30:00 GMT"}

    assert client.get("/", headers=headers).status_code == 200
