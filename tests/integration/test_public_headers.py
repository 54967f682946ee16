"""Every route of the readers' service: which headers each answer bears, and what may be kept by whom."""

from __future__ import annotations

import re

import pytest
from fakes.archived import compiled, dispatched, issue
from fastapi.routing import APIRoute
from webclient import WebClient

from newsletter.config import Publication, Settings
from newsletter.public import create_app
from subscribers import SubscriberStore, Tokens

URL = "https://notes.example.com"
#: The pages that anybody may see and caches may keep; every other route must be private.
PUBLIC = {
    "/",
    "/issues",
    "/issues/",
    "/issues/{slug}",
    "/feed.xml",
    "/sitemap.xml",
    "/robots.txt",
    "/subscribe.js",
    "/assets/{digest}/{name}",
    "/media/{name}",
}
#: What search engines may find though it is made anew for everybody, and so kept by no cache.
INDEXED = {"/subscribe"}
ALWAYS = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
}


@pytest.fixture
def service(tmp_path, sqlite_engine):
    """The application, and for each of its routes a request that finds something."""
    said = {"name": "N", "from": "N <n@example.com>", "url": URL}
    publication = Publication(tmp_path, Settings(publication=said, web={"metrics": True}))
    store, tokens = SubscriberStore(sqlite_engine), Tokens(sqlite_engine)
    ada, _ = store.add("ada@example.com")
    dispatched(sqlite_engine, compiled(publication, issue("swallow", "It came.")))
    name = dispatched(sqlite_engine, compiled(publication, issue("few", "Hush.")), archived=False)
    values = {
        "{token}": tokens.sign("issue", name),
        "{slug}": "swallow",
        "{digest}": "x",
        "{name}": "pages.css",
    }
    app = create_app(publication, sqlite_engine)

    def path_of(route: APIRoute) -> str:
        path = route.path
        if path == "/issues/{slug}/{token}":
            path = "/issues/few/{token}"
        action = path.split("/")[1]
        chosen = values | ({"{token}": tokens.sign(action, ada.public_id)} if action != "issues" else {})
        for placeholder, value in chosen.items():
            path = path.replace(placeholder, value)
        return path

    return app, path_of


def routes(app):
    """All routes, those of included routers too."""
    included = [route for each in app.routes for route in getattr(each, "original_router", app).routes]
    found = {id(route): route for route in (*app.routes, *included) if isinstance(route, APIRoute)}
    assert {"/", "/unsubscribe/{token}", "/healthz"} <= {route.path for route in found.values()}
    return list(found.values())


def test_every_route_bears_the_headers_that_all_must(service):
    app, path_of = service
    client = WebClient(app)
    for route in routes(app):
        for method in route.methods:
            headers = client.request(method, path_of(route)).headers
            assert {name: headers.get(name) for name in ALWAYS} == ALWAYS, route.path
            assert "default-src 'none'" in headers["content-security-policy"], route.path
            assert "unsafe-eval" not in headers["content-security-policy"]
            assert "camera=()" in headers["permissions-policy"]
            assert "set-cookie" not in headers
            assert "server" not in headers


def test_only_what_everybody_may_see_is_kept_by_caches_or_found_by_robots(service):
    """The pages behind a token: in no cache, in no index, and no reader's address in a referrer."""
    app, path_of = service
    client = WebClient(app)
    for route in routes(app):
        answer = client.get(path_of(route))
        if route.path in PUBLIC:
            assert answer.headers["cache-control"].startswith("public") or answer.status_code == 404
        else:
            assert answer.headers["cache-control"] == "no-store", route.path
            found = "all" if route.path in INDEXED else "noindex, nofollow"
            assert answer.headers["x-robots-tag"] == found, route.path
            assert "content-encoding" not in answer.headers, route.path
            assert "etag" not in answer.headers, route.path


def test_errors_are_no_exception(service):
    app, _ = service
    client = WebClient(app)
    for answer in (client.get("/nowhere"), client.post("/issues/"), client.post("/", content=b"x" * 70_000)):
        assert answer.status_code in {404, 405, 413}
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
        assert answer.headers["cache-control"] == "no-store"


def test_no_page_of_ours_may_run_a_script_or_be_framed(service):
    app, _ = service
    for path in ("/", "/issues/", "/nowhere"):
        policy = WebClient(app).get(path).headers["content-security-policy"]
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy


@pytest.mark.parametrize(
    ("url", "told", "strict"),
    [
        ("http://127.0.0.1:8000", {}, False),
        ("http://127.0.0.1:8000", {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7"}, True),
        ("https://notes.example.com", {}, True),
    ],
)
def test_browsers_are_bound_to_tls_only_where_there_is_some(tmp_path, sqlite_engine, url, told, strict):
    said = {"name": "N", "from": "N <n@example.com>", "url": url}
    client = WebClient(create_app(Publication(tmp_path, Settings(publication=said)), sqlite_engine))

    assert ("strict-transport-security" in client.get("/", headers=told).headers) is strict


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("notes.example.com", 200),
        ("NOTES.example.com:443", 200),
        ("127.0.0.1:8000", 200),
        ("more.example.com", 200),
        ("evil.example.com", 403),
        ("notes.example.com.evil.example.com", 403),
        ("", 403),
    ],
)
def test_only_the_names_of_the_service_are_answered(tmp_path, sqlite_engine, host, status):
    """No page is made, and none cached, under a name that somebody made up."""
    said = {"name": "N", "from": "N <n@example.com>", "url": URL}
    settings = Settings(publication=said, web={"hosts": ["more.example.com"]})
    client = WebClient(create_app(Publication(tmp_path, settings), sqlite_engine))

    assert client.get("/", headers={"host": host}).status_code == status
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_health_is_told_of_the_database_too(service, sqlite_engine, monkeypatch):
    app, _ = service
    client = WebClient(app)
    assert client.get("/healthz").json() == {"status": "ok"}

    def gone():
        from sqlalchemy.exc import OperationalError

        raise OperationalError("SELECT 1", {}, Exception("ada@example.com"))

    monkeypatch.setattr(type(sqlite_engine), "connect", lambda _: gone())
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert "ada@" not in answer.text


def metrics(tmp_path, engine, **web):
    said = {"name": "N", "from": "N <n@example.com>", "url": URL}
    return WebClient(create_app(Publication(tmp_path, Settings(publication=said, web=web)), engine))


def test_numbers_are_for_this_machine_and_for_who_has_the_token(tmp_path, sqlite_engine):
    (tmp_path / "token").write_text("s3cret\n", encoding="utf-8")
    client = metrics(tmp_path, sqlite_engine, metrics=True, metrics_token_file="token")
    far = {"x-forwarded-for": "203.0.113.7", "host": "notes.example.com"}

    assert "newsletter_http_requests_total" in client.get("/metrics").text
    assert client.get("/metrics", headers=far).status_code == 404
    assert client.get("/metrics", headers={"host": "notes.example.com"}).status_code == 404
    assert client.get("/metrics", headers={**far, "authorization": "Bearer wrong"}).status_code == 404
    assert client.get("/metrics", headers={**far, "authorization": "Bearer s3cret"}).status_code == 200
    assert client.get("/metrics").headers["cache-control"] == "no-store"


def test_without_being_asked_for_there_are_no_numbers(tmp_path, sqlite_engine):
    assert metrics(tmp_path, sqlite_engine).get("/metrics").status_code == 404


def test_a_flood_of_one_network_is_slowed_down_but_no_wish_is_refused(tmp_path, sqlite_engine):
    """A mail service passes on the wishes of thousands from one address."""
    client = metrics(tmp_path, sqlite_engine, rate="10/minute", post_rate="10/minute")
    ada, _ = SubscriberStore(sqlite_engine).add("ada@example.com")
    wish = f"/unsubscribe/{Tokens(sqlite_engine).sign('unsubscribe', ada.public_id)}"
    far = {"x-forwarded-for": "203.0.113.7"}
    statuses = [client.post("/unsubscribe/wrong", headers=far).status_code for _ in range(12)]

    assert statuses == [404] * 10 + [429] * 2
    refused = client.get("/", headers=far)
    assert (refused.status_code, refused.headers["retry-after"].isdigit()) == (429, True)
    assert refused.headers["cache-control"] == "no-store"
    assert refused.headers["referrer-policy"] == "no-referrer"
    assert client.post(wish, headers=far, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert client.post("/webhooks/sendgrid", headers=far).status_code != 429
    assert client.get("/", headers={"x-forwarded-for": "203.0.113.8"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/issues/", "/subscribe", "/preferences", "/nowhere"])
def test_the_language_that_an_address_asks_for_is_that_of_the_pages_it_leads_to(service, path):
    """Only where the browser would not have asked for it by itself: links stay short."""
    app, _ = service
    client = WebClient(app)
    ways = ("/issues/", "/subscribe", "/preferences")

    arabic = client.get(f"{path}?lang=ar", headers={"accept-language": "de"}).text
    assert all(f'href="{way}?lang=ar"' in arabic for way in ways)
    own = client.get(f"{path}?lang=de", headers={"accept-language": "de"}).text
    assert all(f'href="{way}"' in own for way in ways)
    assert "lang=" not in "".join(re.findall(r'<a [^>]*href="[^"]*"', own))


def test_the_language_goes_along_with_a_search_and_from_page_to_page(service, sqlite_engine, tmp_path):
    app, _ = service
    publication = Publication(
        tmp_path, Settings(publication={"name": "N", "from": "N <n@example.com>", "url": URL})
    )
    for number in range(21):
        dispatched(sqlite_engine, compiled(publication, issue(f"bird-{number}", "It came.")))
    page = WebClient(app).get("/issues/?lang=fr&q=came").text

    assert '<input type="hidden" name="lang" value="fr">' in page
    assert 'href="/issues/?q=came&amp;page=2&amp;lang=fr" rel="next"' in page
