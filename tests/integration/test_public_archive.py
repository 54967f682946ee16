"""The archive of dispatched issues."""

from __future__ import annotations

import re

import pytest
from sqlmodel import Session
from webclient import WebClient

from newsletter.catalogues import LANGUAGES, translated
from newsletter.config import Publication, Settings
from newsletter.delivery.models import Delivery, DeliveryState, Dispatch, DispatchState
from newsletter.editions import Edition, compile_issue, load_theme
from newsletter.issues import parse_issue
from newsletter.messages import unlisted_link
from newsletter.public import create_app
from newsletter.public.archive import PAGE
from subscribers import Tokens

URL = "https://notes.example.com"
NOT_PUBLIC = "Only people who have this link can read this. It is not in our archive."
ISSUE = """---
title: The first swallow
date: 2026-04-11
slug: swallow
---
Good morning, {{ subscriber.first_name | default("reader") }} of {{ subscriber.town }}.

{% if "pro" in subscriber.tags %}

Only for the few.

{% endif %}

It came early this year.
"""


@pytest.fixture
def publication(tmp_path):
    said = {"name": "Field Notes", "from": "Field Notes <notes@example.com>", "url": URL}
    return Publication(tmp_path, Settings(publication=said))


@pytest.fixture
def client(publication, engine):
    return WebClient(create_app(publication, engine))


@pytest.fixture
def edition(publication) -> Edition:
    return compiled(publication, ISSUE)


def compiled(publication, text):
    issue = parse_issue(text, None, slug="issue")
    return compile_issue(issue, load_theme("digest", None), publication.settings.publication)


def dispatch(
    engine, edition, *, state=DispatchState.FINISHED, name="swallow-1", accepted=False, archived=True
):
    row = Dispatch(
        name=name,
        slug=edition.slug,
        digest=edition.digest,
        edition=edition.to_json(),
        state=state,
        archived=archived,
        audience="all",
        audience_key="",
        provider="outbox",
        sender="notes@example.com",
    )
    with Session(engine) as session:
        session.add(row)
        session.commit()
        if accepted:
            outcome = {"delivery_id": name, "batch": 1, "state": DeliveryState.ACCEPTED, "attempts": 1}
            session.add(Delivery(dispatch_id=row.id, subscriber_id=1, **outcome))
            session.commit()


def test_an_issue_is_there_once_its_dispatch_has_begun(client, engine, edition):
    assert client.get("/issues/swallow").status_code == 404
    dispatch(engine, edition, state=DispatchState.PLANNED)
    assert client.get("/issues/swallow").status_code == 404
    assert "swallow" not in client.get("/issues/").text

    dispatch(engine, edition, state=DispatchState.RUNNING, name="swallow-2")
    assert client.get("/issues/swallow").status_code == 200
    assert 'href="/issues/swallow"' in client.get("/issues/").text
    assert 'href="/issues/swallow"' in client.get("/").text


def test_a_cancelled_issue_is_there_if_it_reached_anybody(client, engine, edition):
    dispatch(engine, edition, state=DispatchState.CANCELLED)
    assert client.get("/issues/swallow").status_code == 404

    dispatch(engine, edition, state=DispatchState.CANCELLED, name="swallow-2", accepted=True)
    assert client.get("/issues/swallow").status_code == 200


def test_the_web_version_is_for_nobody_in_particular(client, engine, edition):
    """A default stands in, what has none is left out, and no condition on a subscriber holds."""
    dispatch(engine, edition)
    page = client.get("/issues/swallow").text

    assert "Good morning, reader of ." in page
    assert "Only for the few" not in page
    assert "It came early this year." in page
    assert edition.nonce not in page


def test_an_issue_on_the_web_leads_on_to_the_archive_and_to_joining(client, engine, edition):
    """Whoever was led here by a search or a friend has no mail with links in it."""
    dispatch(engine, edition)
    bar = client.get("/issues/swallow").text.partition("<nav")[2].partition("</nav>")[0]

    for place in ("/", "/issues/", "/subscribe"):
        assert f'href="{place}"' in bar


def test_the_web_version_has_no_link_of_one_subscriber(client, engine, edition):
    dispatch(engine, edition)
    page = client.get("/issues/swallow").text

    assert "/unsubscribe/" not in page
    assert "/preferences/" not in page
    assert f'href="{URL}/preferences"' in page, "where a reader has theirs mailed"
    assert f'href="{URL}/issues/swallow"' in page


def test_the_last_dispatch_of_an_issue_is_shown(client, publication, engine, edition):
    dispatch(engine, edition)
    assert "early" in client.get("/issues/swallow").text
    dispatch(engine, compiled(publication, ISSUE.replace("early", "late")), name="swallow-2")

    assert "late" in client.get("/issues/swallow").text
    assert client.get("/issues/").text.count('href="/issues/swallow"') == 1


def test_of_one_date_the_issue_dispatched_first_of_all_stands_last(client, publication, engine):
    for slug in ("zebra", "ant", "mole"):
        text = ISSUE.replace("slug: swallow", f"slug: {slug}")
        dispatch(engine, compiled(publication, text), name=f"{slug}-1")

    for page in (client.get("/issues/").text, client.get("/").text):
        places = [page.index(f'href="/issues/{slug}"') for slug in ("mole", "ant", "zebra")]
        assert places == sorted(places)


def test_an_issue_that_is_dispatched_again_stays_where_it_was(client, publication, engine):
    for slug in ("zebra", "ant", "mole"):
        text = ISSUE.replace("slug: swallow", f"slug: {slug}")
        dispatch(engine, compiled(publication, text), name=f"{slug}-1")
    dispatch(engine, compiled(publication, ISSUE.replace("slug: swallow", "slug: zebra")), name="zebra-2")

    for page in (client.get("/issues/").text, client.get("/").text):
        places = [page.index(f'href="/issues/{slug}"') for slug in ("mole", "ant", "zebra")]
        assert places == sorted(places)


def test_the_newest_issue_stands_first(client, publication, engine, edition):
    dispatch(engine, edition)
    older = ISSUE.replace("2026-04-11", "2026-03-01").replace("slug: swallow", "slug: thaw")
    dispatch(engine, compiled(publication, older), name="thaw-1")

    page = client.get("/issues/").text
    assert page.index("/issues/swallow") < page.index("/issues/thaw")
    assert '<time datetime="2026-04-11">April 11, 2026</time>' in page


def test_what_has_not_changed_is_not_sent_again(client, engine, edition):
    dispatch(engine, edition)
    first = client.get("/issues/swallow")
    again = client.get("/issues/swallow", headers={"if-none-match": f'"other", W/{first.headers["etag"]}'})

    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]


def test_nothing_in_an_issue_can_run_or_send(client, engine, edition):
    dispatch(engine, edition)
    policy = client.get("/issues/swallow").headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "form-action 'none'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("slug", ["nothing", "..%2f..%2fnewsletter.toml", "%00", "a" * 5000, "'; --"])
def test_an_unknown_issue_is_a_kind_page(client, slug):
    answer = client.get(f"/issues/{slug}")

    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_without_issues_the_pages_say_so(client):
    for path in ("/", "/issues/", "/issues"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "The first issue is on its way" in answer.text


def test_nothing_can_be_sent_to_the_archive(client):
    answer = client.post("/issues/")

    assert answer.status_code == 405
    assert "does not work here" in answer.text


def test_what_went_to_a_segment_is_in_no_list(client, engine, edition):
    """Neither its page, nor lists, feed, sitemap and search tell of it."""
    dispatch(engine, edition, archived=False)

    assert client.get("/issues/swallow").status_code == 404
    for path in ("/", "/issues/", "/feed.xml", "/sitemap.xml", "/issues/?q=early"):
        assert "/issues/swallow" not in client.get(path).text


def test_who_has_the_mail_of_a_segment_can_read_it_online(client, engine, edition):
    dispatch(engine, edition, archived=False)
    link = unlisted_link("", Tokens(engine), "swallow", "swallow-1")
    answer = client.get(link)

    assert "It came early this year." in answer.text
    assert f'href="{URL}{link}"' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.count(NOT_PUBLIC) == 1
    assert NOT_PUBLIC not in client.get("/").text
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert "og:title" not in answer.text
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("language", LANGUAGES)
def test_above_an_issue_that_is_not_public_stands_so_in_its_language(client, publication, engine, language):
    """Whoever forwards the link knows what it opens; what everybody may read has no such line."""
    text = f"---\ntitle: Swallows\ndate: 2026-04-11\nslug: swallow\nlanguage: {language}\n---\nIt came.\n"
    dispatch(engine, compiled(publication, text), archived=False)
    dispatch(engine, compiled(publication, text.replace("swallow", "thaw")), name="thaw-1")
    hidden = client.get(unlisted_link("", Tokens(engine), "swallow", "swallow-1")).text
    said = translated(NOT_PUBLIC, language)

    assert hidden.index('<nav class="web-bar"') < hidden.index(said) < hidden.index("It came.")
    assert f'class="web-bar" lang="{language}"' in hidden
    assert said not in client.get("/issues/thaw").text


@pytest.mark.parametrize("slug", ["swallow", "thaw"])
def test_no_other_link_opens_an_issue_of_a_segment(client, engine, edition, slug):
    """A token guessed, of another action, of another issue, or of a dispatch that is not under way."""
    dispatch(engine, edition, archived=False, state=DispatchState.PLANNED)
    tokens = Tokens(engine)
    wrong = [tokens.sign("issue", "swallow-1"), tokens.sign("unsubscribe", "swallow-1"), "x", "swallow-1"]

    for token in wrong:
        assert client.get(f"/issues/{slug}/{token}").status_code == 404


def test_an_issue_for_everybody_and_for_a_segment_shows_what_went_to_everybody(
    client, publication, engine, edition
):
    dispatch(engine, edition)
    dispatch(engine, compiled(publication, ISSUE.replace("early", "late")), name="swallow-2", archived=False)

    assert "early" in client.get("/issues/swallow").text


def test_a_long_list_has_pages(client, publication, engine):
    for number in range(PAGE + 1):
        text = ISSUE.replace("2026-04-11", f"2026-03-{number + 1:02}").replace("swallow", f"s{number}")
        dispatch(engine, compiled(publication, text), name=f"s{number}-1")

    first, second = client.get("/issues/"), client.get("/issues/?page=2")
    assert first.text.count('href="/issues/s') == PAGE
    assert 'href="/issues/?page=2" rel="next"' in first.text
    assert re.findall(r'href="(/issues/s\w+)"', second.text) == ["/issues/s0"]
    assert 'href="/issues/" rel="prev"' in second.text
    assert f'<link rel="canonical" href="{URL}/issues/?page=2">' in second.text
    assert "/issues/?q=early&amp;page=2" in client.get("/issues/?q=early").text


@pytest.mark.parametrize("page", ["0", "2", "-1", "x", "9" * 30, "1.0", "²"])
def test_a_page_that_is_none_is_not_there(client, engine, edition, page):
    dispatch(engine, edition)

    assert client.get("/issues/", params={"page": page}).status_code == 404


def test_a_list_that_is_known_is_not_sent_again_until_it_changes(client, publication, engine, edition):
    dispatch(engine, edition)
    etag = client.get("/issues/").headers["etag"]
    assert client.get("/issues/", headers={"if-none-match": etag}).status_code == 304

    later = ISSUE.replace("slug: swallow", "slug: thaw")
    dispatch(engine, compiled(publication, later), name="thaw-1")
    assert client.get("/issues/", headers={"if-none-match": etag}).status_code == 200
