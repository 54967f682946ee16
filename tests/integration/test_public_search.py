"""Search in the archive, on both databases."""

from __future__ import annotations

import re

import pytest
from fakes.archived import compiled, dispatched, issue
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from webclient import WebClient

from newsletter.config import Publication, Settings
from newsletter.delivery.archive_tables import ISSUE_TEXT, ISSUE_WORD
from newsletter.public import create_app
from newsletter.public import search as searching
from newsletter.public.search import snippet
from subscribers.database import writing

ISSUES = {
    "swallow": issue("swallow", "It came early this year.\n\nRead [more](https://example.com/zebra).", title="The first swallow"),
    "thaw": issue("thaw", "The ice broke. A swallow was seen, too early.\n\nSwallows need flies.", title="Thaw"),
    "ai": issue("ai", "本周人工智能新闻：新的模型发布了。", title="人工智能周报", more="language: zh\n"),
    "school": issue("school", "ذهب الأطفال إلى المدرسة في الصباح.", title="أخبار اليوم", more="language: ar\n"),
    "hidden": issue("hidden", "A swallow for members only."),
}  # fmt: skip


@pytest.fixture
def client(tmp_path, engine):
    said = {
        "name": "Field Notes",
        "from": "Field Notes <notes@example.com>",
        "url": "https://notes.example.com",
    }
    publication = Publication(tmp_path, Settings(publication=said))
    for slug, text in ISSUES.items():
        dispatched(engine, compiled(publication, text), archived=slug != "hidden")
    return WebClient(create_app(publication, engine))


def slugs(client, query):
    page = client.get("/issues/", params={"q": query})
    assert page.status_code == 200
    return re.findall(r'href="/issues/([a-z]+)"', page.text)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("swallow", ["swallow", "thaw"]),
        ("SWALLOWS", ["thaw"]),
        ("swallow ice", ["thaw"]),
        ("swallow early year", ["swallow"]),
        ("人工智能", ["ai"]),
        ("模型 新闻", ["ai"]),
        ("مدرسه", ["school"]),
        ("الصباح أطفال", ["school"]),
        ("members", []),
        ("zebra", []),
        ("unsubscribe", []),
        ("nothing of that", []),
        ("%", []),
        ("sw%", []),
        ("' OR 1=1 --", []),
        ("; DROP TABLE issue_text", []),
        ("\x00", ["ai", "hidden", "school", "swallow", "thaw"]),
    ],
)
def test_a_search_finds_the_issues_that_say_every_word(client, query, found):
    """The title counts most; addresses, the footer and issues for a segment are not searched."""
    if query == "\x00":  # nothing is left of it, so it is no search
        found = sorted(set(found) - {"hidden"})
        assert sorted(slugs(client, query)) == found
    else:
        assert slugs(client, query) == found


def test_a_hit_shows_where_it_says_so(client):
    page = client.get("/issues/?q=swallow").text

    assert "2 issues have <b><bdi>swallow</bdi></b> in them." in page
    assert "The ice broke. A <mark>swallow</mark> was seen, too early." in page
    assert "<mark>Swallows</mark> need flies." in page
    assert 'value="swallow"' in page


def test_a_query_is_shown_as_it_was_asked_and_is_no_markup(client):
    page = client.get("/issues/", params={"q": '"><script>alert(1)</script>'}).text

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_search_is_cut_to_its_limit_and_not_for_robots(client):
    answer = client.get("/issues/", params={"q": "swallow " * 1000})

    assert answer.status_code == 200
    assert len(re.search(r'name="q"[^>]*value="([^"]*)"', answer.text)[1]) <= searching.LONGEST_QUERY
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"


def test_an_issue_is_indexed_once_and_anew_when_the_rules_change(client, engine, monkeypatch):
    for _ in range(2):
        slugs(client, "swallow")
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(ISSUE_TEXT)) == 4
    with writing(engine) as connection:
        connection.execute(ISSUE_WORD.delete())

    assert slugs(client, "swallow") == []
    monkeypatch.setattr(searching, "RULES", 2)
    assert slugs(client, "swallow") == ["swallow", "thaw"]


def test_a_search_is_answered_while_the_index_cannot_be_written(client, monkeypatch, sqlite_engine):
    slugs(client, "swallow")

    def locked(_):
        raise searching.SQLAlchemyError("locked")

    monkeypatch.setattr(searching, "RULES", 2)
    monkeypatch.setattr(searching, "writing", locked)
    assert slugs(client, "swallow") == ["swallow", "thaw"]


@settings(deadline=None)
@given(st.text(max_size=400), st.lists(st.text(min_size=1, max_size=5), max_size=3))
def test_a_snippet_is_a_piece_of_the_text(text, words):
    pieces = snippet(text, [word.casefold() for word in words])
    shown = "".join(piece for piece, _ in pieces)

    assert not shown or shown.removeprefix("… ").removesuffix(" …") in text or shown == text


@given(st.text(max_size=150))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=40,
    deadline=None,
)
def test_no_query_makes_it_fail(client, query):
    assert client.get("/issues/", params={"q": query}).status_code == 200
