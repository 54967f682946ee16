"""Who is turned away at the door: readers by a page in their language, machines by a line of text."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.exc import OperationalError
from webclient import WebClient

from newsletter.catalogues import LANGUAGES, translated
from newsletter.config import Publication, Settings
from newsletter.public import create_app
from subscribers import SubscriberStore, Tokens, tokens
from subscribers.keys import add_key
from subscribers.models import KeyPurpose

URL = "https://notes.example.com"
FAR = {"x-forwarded-for": "203.0.113.7"}
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def service(tmp_path, engine, **web):
    said = {"name": "Notes", "from": "N <n@example.com>", "url": URL, "postal_address": "1 Street"}
    return WebClient(create_app(Publication(tmp_path, Settings(publication=said, web=web)), engine))


@pytest.fixture
def client(tmp_path, sqlite_engine):
    """A service that a network has asked too often."""
    client = service(tmp_path, sqlite_engine, rate="10/hour", post_rate="10/hour")
    for _ in range(10):
        client.get("/robots.txt", headers=FAR)
    return client


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_asks_too_often_reads_so_in_their_language(client, language):
    answer = client.get("/", headers={**FAR, **BROWSER, "accept-language": language})

    assert answer.status_code == 429
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-language"] == language
    assert int(answer.headers["retry-after"]) > 0
    assert f'<html lang="{language}"' in answer.text
    said = "There were too many requests from your network. Please try again in a moment."
    assert translated(said, language) in answer.text
    assert (language == "en") == (translated(said, language) == said)
    assert answer.headers["cache-control"] == "no-store"
    assert "style-src 'self'" in answer.headers["content-security-policy"]


def test_the_language_of_the_address_counts_first(client):
    headers = {**FAR, **BROWSER, "accept-language": "de"}
    assert client.get("/?lang=ar", headers=headers).headers["content-language"] == "ar"


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_machines_are_told_in_a_line_of_text(client, accept):
    answer = client.get("/feed.xml", headers={**FAR, "accept": accept})

    assert (answer.status_code, answer.headers["content-type"]) == (429, "text/plain; charset=utf-8")
    assert int(answer.headers["retry-after"]) > 0
    assert answer.text.count("\n") == 1


SCRIPT = {"accept": "application/json", "origin": "https://shop.example.net"}


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_form_on_another_page_can_show_why_it_was_turned_away(client, language):
    """Our script reads the answer there: an answer that no other page may read is to it as if none came."""
    answer = client.post("/subscribe", headers={**FAR, **SCRIPT, "accept-language": language})

    said = "There were too many requests from your network. Please try again in a moment."
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/json")
    assert answer.json() == {"done": False, "message": translated(said, language)}
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers.get_list("content-length") == [str(len(answer.content))]
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["cache-control"] == "no-store"


def test_only_what_such_a_form_asks_for_may_be_read_by_other_pages(client):
    for path in ("/subscribe/challenge", "/subscribe.js"):
        answer = client.get(path, headers={**FAR, "accept": "*/*"})
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["access-control-allow-origin"] == "*"
    for path in ("/", "/preferences", "/feed.xml"):
        answer = client.get(path, headers={**FAR, **SCRIPT})
        assert answer.status_code == 429
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_form_on_another_page_can_show_what_else_went_wrong(tmp_path, sqlite_engine, monkeypatch):
    """Too long a body at the door, and a database that does not answer behind it."""

    def unreachable(*_args, **_options):
        raise OperationalError("", {}, Exception("gone"))

    client = service(tmp_path, sqlite_engine)
    long = client.post("/subscribe", content=b"x" * 2_000_000, headers=SCRIPT)
    monkeypatch.setattr("newsletter.public.joining._entry", unreachable)
    gone = client.post("/subscribe", data={"email": "ada@example.com"}, headers=SCRIPT)
    page = client.post("/subscribe", data={"email": "ada@example.com"}, headers=BROWSER)

    assert [answer.status_code for answer in (long, gone, page)] == [413, 503, 503]
    for answer in (long, gone):
        assert answer.json()["done"] is False
        assert answer.headers["access-control-allow-origin"] == "*"
    assert gone.headers["retry-after"] == "60"
    assert "access-control-allow-origin" not in page.headers


def test_the_page_that_refuses_has_its_look(client):
    """A network that asked too often gets the style of the page that says so, and nothing else."""
    page = client.get("/", headers={**FAR, **BROWSER}).text
    assets = re.findall(r'href="(/assets/[^"]+)"', page)

    assert len(assets) == 2
    for path in assets:
        assert client.get(path, headers=FAR).status_code == 200
    assert client.get("/assets/x/signup.js", headers=FAR).status_code == 429


def test_what_is_too_long_or_comes_to_another_name_is_told_kindly(tmp_path, sqlite_engine):
    client = service(tmp_path, sqlite_engine)
    refused = {
        413: client.post("/subscribe", content=b"x" * 70_000, headers=BROWSER),
        414: client.get(f"/{'x' * 9000}", headers=BROWSER),
        431: client.get("/", headers={**BROWSER, "cookie": "x" * 40_000}),
        403: client.get("/", headers={**BROWSER, "host": "evil.example.com"}),
    }

    for status, answer in refused.items():
        assert answer.status_code == status
        assert '<html lang="en"' in answer.text
        assert "<h1>" in answer.text
        assert len(answer.content) == int(answer.headers["content-length"])
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert f'<a href="{URL}/" dir="ltr">' in refused[403].text
    assert "evil" not in refused[403].text
    assert 'href="/subscribe"' not in refused[403].text
    style = re.search(r'href="(/assets/[^"]+css)"', refused[403].text)[1]
    assert client.get(style, headers={"host": "evil.example.com"}).status_code == 200
    script = {"host": "evil.example.com", "accept": "application/json"}
    assert client.post("/subscribe", headers=script).json()["message"].endswith(f": {URL}/")


def test_a_request_to_leave_by_a_mail_service_is_answered_in_text_and_a_browsers_with_a_page(
    tmp_path, sqlite_engine
):
    """Whatever the service says that it accepts."""
    client = service(tmp_path, sqlite_engine)
    long = {"content": b"x" * 70_000}
    machine = client.post("/unsubscribe/x", headers=BROWSER, **long)
    person = client.post("/unsubscribe/x", headers={**BROWSER, "sec-fetch-mode": "navigate"}, **long)

    assert (machine.status_code, machine.headers["content-type"]) == (413, "text/plain; charset=utf-8")
    assert (person.status_code, person.headers["content-type"]) == (413, "text/html; charset=utf-8")


def test_a_fault_of_ours_is_a_page_with_all_headers_too(tmp_path, sqlite_engine, monkeypatch):
    client = service(tmp_path, sqlite_engine)
    monkeypatch.setattr("newsletter.public.archive._Archive.front", lambda _: 1 / 0)
    page, text = client.get("/", headers=BROWSER), client.get("/", headers={"accept": "*/*"})

    assert (page.status_code, text.status_code) == (500, 500)
    assert "That is our fault, not yours" in page.text
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    for answer in (page, text):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


def test_a_wish_to_leave_by_a_key_that_is_new_is_not_put_off(client, sqlite_engine):
    """Another process made a key, and the service has not read it, when the network has asked too often."""
    store = SubscriberStore(sqlite_engine)
    ada, _ = store.add("ada@example.com")
    client.post(f"/unsubscribe/{Tokens(sqlite_engine).sign('unsubscribe', ada.public_id)}", data=ONE_CLICK)
    bea, _ = store.add("bea@example.com")
    add_key(sqlite_engine, KeyPurpose.LINKS)
    wish = f"/unsubscribe/{Tokens(sqlite_engine).sign('unsubscribe', bea.public_id)}"

    assert client.get("/", headers=FAR).status_code == 429
    assert client.post(wish, headers=FAR, data=ONE_CLICK).status_code == 200
    assert store.find("bea@example.com").status == "unsubscribed"


def test_forged_wishes_make_the_database_be_asked_once_a_second(client, sqlite_engine, monkeypatch):
    """A token that looks like ours is looked up; the next ones of that second are refused."""
    seconds = 1000.0
    monkeypatch.setattr(tokens, "monotonic", lambda: seconds)
    forged = Tokens([b"another publication's key"]).sign("unsubscribe", "A" * 22)

    def statuses():
        return [client.post(f"/unsubscribe/{forged}", headers=FAR).status_code for _ in range(3)]

    assert statuses() == [404, 429, 429]
    seconds += 2
    assert statuses() == [404, 429, 429]
