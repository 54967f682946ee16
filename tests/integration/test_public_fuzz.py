"""Whatever is asked, the readers' service answers, and never with a failure of its own."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from fakes.archived import compiled, dispatched, issue
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.config import Publication, Settings
from newsletter.public import create_app
from newsletter.web.guard import MAX_BODY

LATIN = st.text(st.characters(max_codepoint=255), max_size=80)
PARTS = st.sampled_from(
    [
        "issues",
        "unsubscribe",
        "preferences",
        "feed.xml",
        "media",
        "assets",
        "..",
        "%2e%2e",
        "swallow",
        "",
        "\x00",
    ]
) | st.text(max_size=30)
NAMES = st.sampled_from(
    ["host", "origin", "accept-encoding", "if-none-match", "if-modified-since", "x-forwarded-for", "forwarded",
     "content-type", "content-length", "cookie", "authorization", "range", "accept-language", "expect"]
)  # fmt: skip


@pytest.fixture
def app(tmp_path, sqlite_engine):
    said = {"name": "N", "from": "N <n@example.com>", "url": "https://notes.example.com"}
    publication = Publication(tmp_path, Settings(publication=said, web={"metrics": True}))
    dispatched(sqlite_engine, compiled(publication, issue("swallow", "It came.")))
    return create_app(publication, sqlite_engine)


def ask(app, method, path, query, headers, body):
    """One request as a server gives it to an application: raw, not as a well-behaved client writes it."""
    told = []

    async def send(event):
        told.append(event)

    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("203.0.113.7", 1),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    asyncio.run(app(scope, receive, send))
    return told[0]["status"]


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW"]),
    parts=st.lists(PARTS, max_size=4),
    query=st.binary(max_size=60) | st.sampled_from([b"q=%00", b"page=-1", b"page=99999999999999999999", b"q=a&q=b"]),
    headers=st.lists(st.tuples(NAMES, LATIN), max_size=6),
    body=st.binary(max_size=300),
    known=st.booleans(),
)  # fmt: skip
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_request_makes_it_fail(app, method, parts, query, headers, body, known):
    """Paths, queries, headers and bodies of any kind: never an error of the server, never an exception."""
    fields = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    if known:
        fields = [(b"host", b"127.0.0.1"), *(pair for pair in fields if pair[0] != b"host")]

    assert ask(app, method, "/" + "/".join(parts), query, fields, body) < 500


@pytest.mark.parametrize(
    "path",
    [
        "/media/../newsletter.toml",
        "/media/..%2fnewsletter.toml",
        "/media/%2e%2e/newsletter.db",
        "/assets/x/../../app.py",
        "/assets/x/base.html.j2",
        "/issues/../newsletter.toml",
        "//etc/passwd",
        "/media/....//newsletter.toml",
        "/media/\x00.png",
    ],
)
def test_no_path_leads_out_of_what_is_published(app, path):
    """Path traversal: names are looked up, never joined."""
    assert ask(app, "GET", path, b"", [(b"host", b"127.0.0.1")], b"") == 404


def test_a_compressed_body_is_not_opened(app):
    """A few bytes that would become gigabytes stay a few bytes that say nothing."""
    bomb = gzip.compress(b"\0" * 10_000_000)
    headers = [(b"host", b"127.0.0.1"), (b"content-encoding", b"gzip")]

    assert len(bomb) < MAX_BODY
    assert ask(app, "POST", "/unsubscribe/x", b"", headers, bomb) == 404
