"""What machines read of the archive: Atom, sitemap, robots.txt, and what a link is shown as."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import escape
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

import pytest
from fakes.archived import compiled, dispatched, issue
from fakes.atom import ATOM, faults
from hypothesis import given
from hypothesis import strategies as st
from webclient import WebClient

from newsletter.config import Publication, Settings
from newsletter.editions.reading import OF_READERS, reading_html
from newsletter.public import create_app
from newsletter.public.feed import atom
from newsletter.public.shelf import Entry, Published
from subscribers.topics import add_topic

URL = "https://notes.example.com"
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


BODY = """Hello {{ subscriber.first_name | default("there") }}, [here](/about) are news [1].

{% if "pro" in subscriber.tags %}
For the few.
{% endif %}

## What came

![A swallow](https://i.example.com/swallow.jpg)

| Bird | Day |
| ---- | --- |
| Swift | 3 |

<p onclick="run()">Raw <script>alert(1)</script> text</p>

## Sources

1. [The bird book](https://books.example.com/?a=1&b=2)
"""


def contents(client):
    feed = ET.fromstring(client.get("/feed.xml").content)
    return {
        entry.findtext(f"{ATOM}title"): entry.find(f"{ATOM}content") for entry in feed.findall(f"{ATOM}entry")
    }


@pytest.mark.parametrize("theme", ["digest", "letter", "product"])
def test_the_feed_has_the_whole_of_each_issue_for_everybody(client, publication, engine, theme):
    """What was written is all there, as harmless HTML with absolute links; what is one reader's is not."""
    dispatched(engine, compiled(publication, issue("birds", BODY, title="Birds", more=f"theme: {theme}\n")))
    dispatched(engine, compiled(publication, issue("hidden", "Secret.")), archived=False)
    answer = client.get("/feed.xml")
    content = contents(client)["Birds"]

    assert faults(answer.content) == []
    assert content.get("type") == "html"
    for said in (
        "<h2>What came</h2>",
        "Hello there, ",
        f'<a href="{URL}/about">here</a>',
        'src="https://i.example.com/swallow.jpg" alt="A swallow"',
        "<td>Swift</td>",
        '<a href="https://books.example.com/?a=1&amp;b=2">',
    ):
        assert said in content.text
    for unsaid in ("For the few", "preferences", "nsubscribe", "<h1", "alert", "onclick", "reader.invalid"):
        assert unsaid not in content.text
    assert "Secret" not in answer.text


def test_what_a_theme_of_ones_own_puts_around_the_text_stays_away_from_the_text():
    """A link of one reader takes its cell along, or if the issue is in the same one, its paragraph."""
    html = f"""<body><div style="display: none">Preheader</div><table role="presentation"><tr><td>
      <h2>Said</h2><p>Text</p><p><a href="{OF_READERS}">Leave</a> here</p></td></tr>
      <tr><td><div>You get this because <a href="{OF_READERS}">…</a></div><p>1 Street</p></td></tr></table>"""

    assert "".join(reading_html(html, URL).split()) == "<h2>Said</h2><p>Text</p>"


def test_an_issue_from_right_to_left_says_so_in_the_feed(client, publication, engine):
    dispatched(engine, compiled(publication, issue("trees", "مرحبا", title="شجرة", more="language: ar\n")))

    assert contents(client)["شجرة"].text.startswith('<div dir="rtl">')
    assert faults(client.get("/feed.xml").content) == []


def test_a_publication_may_have_summaries_in_its_feed_only(tmp_path, engine):
    said = {"name": "Notes", "from": "Field Notes <notes@example.com>", "url": URL}
    brief = Publication(tmp_path, Settings(publication=said, archive={"feed": "summaries"}))
    dispatched(engine, compiled(brief, issue("birds", "They came.", title="Birds")))
    client = WebClient(create_app(brief, engine))

    assert contents(client) == {"Birds": None}
    assert "They came." in ET.fromstring(client.get("/feed.xml").content).findtext(f".//{ATOM}summary")
    assert faults(client.get("/feed.xml").content) == []


def test_the_feed_has_no_mark_of_tracking(tmp_path, engine):
    """Marks are put into messages, one by one; the feed is made from the edition that has none."""
    said = {"name": "Notes", "from": "Field Notes <notes@example.com>", "url": URL}
    tracked = Publication(tmp_path, Settings(publication=said, tracking={"opens": True, "clicks": True}))
    dispatched(engine, compiled(tracked, issue("birds", BODY, title="Birds")))
    text = contents(WebClient(create_app(tracked, engine)))["Birds"].text

    assert "books.example.com" in text
    assert re.search(rf"{URL}/[co]/", text) is None


@given(st.text(), st.text())
def test_whatever_is_in_a_text_the_feed_keeps_the_rules(title, said):
    """Of any characters at all, also those that XML cannot hold."""
    html = reading_html(f"<body><p>{escape(said)}</p><a href={quoteattr(title)}>x</a></body>", URL)
    settings = Settings(publication={"name": "N", "from": "n@example.com", "url": URL}).publication
    entry = Entry("slug", title, said, "en", "ltr", "", "", Published(1, FIRST, LATER, ""))

    assert faults(atom(settings, [entry], content=lambda _: html).encode()) == []
