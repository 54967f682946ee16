"""What machines read of the archive: Atom, sitemap, robots.txt, and what a link is shown as."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from fakes.archived import compiled, dispatched, issue
from webclient import WebClient

from newsletter.config import Publication, Settings
from newsletter.public import create_app
from subscribers.topics import add_topic

URL = "https://notes.example.com"
ATOM = "{http://www.w3.org/2005/Atom}"
MAPS = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
FIRST, LATER = datetime(2026, 4, 11, 8, tzinfo=UTC), datetime(2026, 4, 12, 9, 30, tzinfo=UTC)


@pytest.fixture
def publication(tmp_path):
    said = {"name": "Fields & <Notes>", "from": "Field Notes <notes@example.com>", "url": URL}
    return Publication(tmp_path, Settings(publication=said))


@pytest.fixture
def client(publication, engine):
    return WebClient(create_app(publication, engine))


@pytest.fixture
def issues(publication, engine):
    """Two issues, one of them dispatched twice and about a topic, and one for a segment."""
    add_topic(engine, "birds", "Birds & more")
    swallow = compiled(
        publication, issue("swallow", "It came.", title="A < B & C", more="preheader: It's “early”\n")
    )
    dispatched(engine, swallow, created_at=FIRST, topic="birds")
    dispatched(engine, swallow, name="swallow-2", created_at=LATER, topic="birds")
    dispatched(engine, compiled(publication, issue("thaw", "Ice.", date="2026-03-01")), created_at=FIRST)
    dispatched(engine, compiled(publication, issue("hidden", "Secret.")), archived=False)


def test_the_feed_says_what_rfc_4287_asks_for(client, issues):
    answer = client.get("/feed.xml")
    feed = ET.fromstring(answer.content)

    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert feed.findtext(f"{ATOM}title") == "Fields & <Notes>"
    assert feed.findtext(f"{ATOM}id") == f"{URL}/feed.xml"
    assert feed.findtext(f"{ATOM}updated") == "2026-04-12T09:30:00Z"
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Fields & <Notes>"
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    assert links == {"self": f"{URL}/feed.xml", "alternate": f"{URL}/issues/"}
    first, second = feed.findall(f"{ATOM}entry")
    assert first.findtext(f"{ATOM}title") == "A < B & C"
    assert first.findtext(f"{ATOM}summary") == "It's “early”"
    assert first.find(f"{ATOM}link").get("href") == f"{URL}/issues/swallow"
    assert first.findtext(f"{ATOM}published") == "2026-04-11T08:00:00Z"
    assert first.findtext(f"{ATOM}updated") == "2026-04-12T09:30:00Z"
    assert second.findtext(f"{ATOM}title") == "thaw"
    ids = [entry.findtext(f"{ATOM}id") for entry in (first, second)]
    assert ids == [f"tag:notes.example.com,2026-04-11:/issues/{slug}" for slug in ("swallow", "thaw")]


def test_an_empty_feed_is_a_feed(client):
    feed = ET.fromstring(client.get("/feed.xml").content)

    assert feed.findtext(f"{ATOM}updated") == "1970-01-01T00:00:00Z"
    assert feed.findall(f"{ATOM}entry") == []


def test_a_topic_has_a_feed_of_its_own(client, issues):
    feed = ET.fromstring(client.get("/feed.xml?topic=birds").content)

    assert feed.findtext(f"{ATOM}title") == "Fields & <Notes>: Birds & more"
    assert feed.findtext(f"{ATOM}id") == f"{URL}/feed.xml?topic=birds"
    assert [each.findtext(f"{ATOM}title") for each in feed.findall(f"{ATOM}entry")] == ["A < B & C"]
    assert client.get("/feed.xml?topic=fish").status_code == 404


def test_a_reader_of_the_feed_asks_for_what_is_new_only(client, issues, publication, engine):
    first = client.get("/feed.xml")
    again = client.get("/feed.xml", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["last-modified"] == "Sun, 12 Apr 2026 09:30:00 GMT"

    dispatched(engine, compiled(publication, issue("rain", "Wet.")))
    assert client.get("/feed.xml", headers={"if-none-match": first.headers["etag"]}).status_code == 200


def test_the_sitemap_names_every_page_for_everybody(client, issues):
    urls = ET.fromstring(client.get("/sitemap.xml").content).findall(f"{MAPS}url")

    assert {each.findtext(f"{MAPS}loc"): each.findtext(f"{MAPS}lastmod") for each in urls} == {
        f"{URL}/": "2026-04-12T09:30:00Z",
        f"{URL}/issues/": "2026-04-12T09:30:00Z",
        f"{URL}/subscribe": None,
        f"{URL}/issues/swallow": "2026-04-12T09:30:00Z",
        f"{URL}/issues/thaw": "2026-04-11T08:00:00Z",
    }


def test_where_nobody_can_sign_up_the_sitemap_names_no_page_for_it(tmp_path, engine):
    said = {"name": "Notes", "from": "Field Notes <notes@example.com>", "url": URL}
    closed = Publication(tmp_path, Settings(publication=said, signup={"enabled": False}))

    assert "/subscribe" not in WebClient(create_app(closed, engine)).get("/sitemap.xml").text


def test_robots_learn_of_the_sitemap_and_of_no_readers_page(client):
    text = client.get("/robots.txt").text

    assert f"Sitemap: {URL}/sitemap.xml" in text
    assert "unsubscribe" not in text


def metas(html):
    pairs = re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)">', html)
    return dict(pairs)


def test_a_link_to_an_issue_is_shown_as_a_card(client, issues):
    html = client.get("/issues/swallow").text
    told = metas(html)

    assert told["og:title"] == "A &lt; B &amp; C"
    assert told["og:description"] == told["description"] == "It&#x27;s “early”"
    assert told["og:type"] == "article"
    assert told["og:url"] == f"{URL}/issues/swallow"
    assert told["og:site_name"] == "Fields &amp; &lt;Notes&gt;"
    assert told["article:published_time"].startswith("2026-04-11T08:00:00")
    assert told["twitter:card"] == "summary"
    assert f'<link rel="canonical" href="{URL}/issues/swallow">' in html
    assert html.index("og:title") < html.index("</head>")


def test_the_first_picture_that_is_large_enough_is_on_the_card(client, publication, engine):
    body = "![](https://i.example.com/none.png)\n\n![A swallow](https://i.example.com/swallow.jpg)"
    dispatched(engine, compiled(publication, issue("swallow", body)))
    told = metas(client.get("/issues/swallow").text)

    assert told["og:image"] == "https://i.example.com/swallow.jpg"
    assert told["og:image:alt"] == "A swallow"
    assert told["twitter:card"] == "summary_large_image"


@pytest.mark.parametrize("path", ["/", "/issues/"])
def test_pages_lead_to_the_feed_and_say_where_they_are(client, issues, path):
    html = client.get(path).text

    assert f'type="application/atom+xml" title="Fields &amp; &lt;Notes&gt;" href="{URL}/feed.xml"' in html
    assert f'<link rel="canonical" href="{URL}{path}">' in html
    assert metas(html)["og:type"] == "website"
