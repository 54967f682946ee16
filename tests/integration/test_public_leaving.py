"""Leaving and preferences, through the readers' web service, on both databases."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from fakes.dispatching import fill, names, plan, run
from fakes.providers import ScriptedProvider
from webclient import WebClient

from newsletter.config import Publication, PublicationSettings, Settings
from newsletter.editions.language import long_date
from newsletter.providers import Verdict
from newsletter.public import create_app
from subscribers import Status, SubscriberStore, Tokens, now
from subscribers.keys import add_key
from subscribers.models import KeyPurpose
from subscribers.topics import add_topic, remove_topic

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def publication(tmp_path):
    said = {
        "name": "Field Notes",
        "from": "Field Notes <notes@example.com>",
        "url": "https://notes.example.com",
    }
    return Publication(tmp_path, Settings(publication=PublicationSettings(**said)))


@pytest.fixture
def store(engine):
    return SubscriberStore(engine)


@pytest.fixture
def ada(store):
    profile, _ = store.add("ada.lovelace@example.com", first_name="Ada", last_name="Lovelace", locale="en")
    return profile


@pytest.fixture
def tokens(engine):
    return Tokens(engine)


@pytest.fixture
def client(publication, engine):
    return WebClient(create_app(publication, engine))


@pytest.fixture
def leave(tokens, ada):
    return f"/unsubscribe/{tokens.sign('unsubscribe', ada.public_id)}"


@pytest.fixture
def prefer(tokens, ada):
    return f"/preferences/{tokens.sign('preferences', ada.public_id)}"


@pytest.fixture
def fresh(tokens, ada):
    """The link of a notice: the same page, and for a while the name, too."""
    until = now() + timedelta(hours=1)
    return f"/preferences/{tokens.sign('preferences', ada.public_id, until=until)}"


def status(store, profile):
    return store.find_public(profile.public_id).status


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH"])
def test_no_other_method_changes_anything(client, store, ada, leave, method):
    answer = client.request(method, leave, data=ONE_CLICK)

    assert answer.status_code == 405
    assert status(store, ada) is Status.ACTIVE


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_the_link_changes_nothing(client, store, ada, leave, method):
    """Mail scanners open every link."""
    for _ in range(3):
        assert client.request(method, leave).status_code == 200

    assert status(store, ada) is Status.ACTIVE
    assert store.find_public(ada.public_id).consent == ada.consent


def test_the_page_has_one_button_and_no_script(client, leave):
    page = client.get(leave).text

    assert page.count("<button") == 1
    assert '<form method="post">' in page
    assert "<script" not in page


def test_the_page_does_not_tell_the_address(client, leave):
    """Mail is forwarded, and the link with it."""
    page = client.get(leave).text

    assert "a•••@example.com" in page
    assert "ada.lovelace" not in page


@pytest.mark.parametrize(
    "body",
    [{"data": ONE_CLICK}, {"files": {"List-Unsubscribe": (None, "One-Click")}}],
    ids=["urlencoded", "multipart"],
)
def test_a_one_click_request_unsubscribes_before_the_answer(client, store, ada, leave, body):
    """RFC 8058 section 3.1 allows both encodings."""
    answer = client.post(leave, **body)

    assert answer.status_code == 200
    assert status(store, ada) is Status.UNSUBSCRIBED
    assert store.find_public(ada.public_id).consent[-1].source == "one-click"


def test_one_click_holds_for_a_dispatch_that_is_running(publication, engine):
    """Who leaves while the message of somebody else is handed over gets none."""
    fill(engine, 4)
    client = WebClient(create_app(publication, engine))
    link = f"/unsubscribe/{Tokens(engine).sign('unsubscribe', 'public4')}"

    def judge(_):
        assert client.post(link, data=ONE_CLICK).status_code == 200
        return Verdict.ACCEPTED

    provider = ScriptedProvider(judge, window=2, batch_size=10)
    plan(engine, provider)
    run(engine, provider)

    assert set(provider.taken) == names(1, 2, 3)


def test_the_button_unsubscribes(client, store, ada, leave):
    assert client.post(leave, data={"from": "page"}).status_code == 200
    assert status(store, ada) is Status.UNSUBSCRIBED
    assert store.find_public(ada.public_id).consent[-1].source == "unsubscribe page"


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"content": b"\xff\xfe"},
        {"content": b"--x", "headers": {"content-type": "multipart/form-data; boundary=y"}},
        {"content": b"{", "headers": {"content-type": "application/json"}},
        {"data": ONE_CLICK, "headers": {"origin": "https://mail.example.org", "cookie": "a=b"}},
    ],
    ids=["empty", "binary", "broken multipart", "broken json", "foreign origin"],
)
def test_no_body_keeps_anybody_on_the_list(client, store, ada, leave, request_):
    assert client.post(leave, **request_).status_code == 200
    assert status(store, ada) is Status.UNSUBSCRIBED


def test_leaving_again_is_answered_the_same_and_recorded_once(client, store, ada, leave):
    for _ in range(3):
        assert client.post(leave, data=ONE_CLICK).status_code == 200

    kinds = [record.kind for record in store.find_public(ada.public_id).consent]
    assert kinds.count("opted_out") == 1


def test_an_answer_sets_no_cookie_and_redirects_nowhere(client, leave):
    for answer in (client.get(leave), client.post(leave, data=ONE_CLICK)):
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert "location" not in answer.headers


def test_who_has_left_is_told_so(client, leave):
    client.post(leave, data=ONE_CLICK)

    assert "You are unsubscribed" in client.get(leave).text
    assert "<button" not in client.get(leave).text


def test_who_was_erased_is_off_the_list_too(client, store, ada, leave, prefer):
    store.erase(ada.email)

    for answer in (client.get(leave), client.post(leave, data=ONE_CLICK), client.get(prefer)):
        assert answer.status_code == 200
        assert "This address is off the list" in answer.text


def test_a_forged_token_finds_nothing(client, store, ada, tokens, leave):
    other_action = tokens.sign("preferences", ada.public_id)
    other_person = leave.rpartition("/")[2].replace(ada.public_id, "A" * 22)
    for token in ("x", ada.public_id, other_action, other_person, "é", "%00"):
        answer = client.get(f"/unsubscribe/{token}")
        assert answer.status_code == 404
        assert "There is nothing here" in answer.text
        assert client.post(f"/unsubscribe/{token}", data=ONE_CLICK).status_code == 404

    assert status(store, ada) is Status.ACTIVE


def test_pages_with_a_token_are_not_kept_nor_told_on(client, leave, prefer):
    for path in (leave, prefer):
        headers = client.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "script-src" not in headers["content-security-policy"].replace("script-src 'self'", "")
        assert ("script-src" in headers["content-security-policy"]) == (path == prefer)


def test_a_body_of_more_than_64_kilobytes_is_refused(client, store, ada, leave):
    assert client.post(leave, content=b"x" * 70_000).status_code == 413
    assert status(store, ada) is Status.ACTIVE


def test_preferences_show_what_is_known(client, fresh):
    page = client.get(fresh).text

    assert 'value="Ada"' in page
    assert 'value="Lovelace"' in page
    assert '<option value="en" lang="en" selected>English</option>' in page
    assert "ada.lovelace" not in page


def test_the_link_of_every_mail_neither_shows_nor_changes_a_name(client, store, ada, prefer):
    """Mail is forwarded: a stranger with its link must neither learn the name nor spoil it."""
    page = client.get(prefer).text
    assert 'name="first_name"' not in page
    assert "Lovelace" not in page
    client.post(prefer, data={"first_name": "Eve", "last_name": "", "time_zone": "Europe/Paris"})

    kept = store.find_public(ada.public_id)
    assert (kept.first_name, kept.last_name, kept.time_zone) == ("Ada", "Lovelace", "Europe/Paris")


def test_a_fresh_link_that_is_over_is_an_ordinary_one(publication, engine, ada, fresh):
    later = WebClient(create_app(publication, engine, clock=lambda: now() + timedelta(hours=2)))

    page = later.get(fresh)
    assert (page.status_code, "Lovelace" in page.text) == (200, False)


def test_preferences_are_saved(client, store, ada, fresh):
    answer = client.post(fresh, data={"first_name": " Augusta  Ada ", "last_name": "King", "language": "fr"})

    assert answer.status_code == 200
    assert "Vos modifications sont enregistrées" in answer.text  # in the language that was chosen
    changed = store.find_public(ada.public_id)
    assert (changed.first_name, changed.last_name, changed.locale) == ("Augusta Ada", "King", "fr")


def test_what_is_sent_empty_is_forgotten_and_what_is_not_sent_stays(client, store, ada, fresh):
    assert client.post(fresh, data={"first_name": ""}).status_code == 200

    changed = store.find_public(ada.public_id)
    assert (changed.first_name, changed.last_name, changed.locale) == ("", "Lovelace", "en")


@pytest.mark.parametrize(
    "data",
    [{"first_name": "x" * 101}, {"language": "tlh"}, {"language": "../../etc"}, {"last_name": "\x00" * 200}],
    ids=["long", "unknown language", "no language", "control characters"],
)
def test_what_cannot_be_kept_changes_nothing(client, store, ada, fresh, data):
    answer = client.post(fresh, data=data)

    kept = store.find_public(ada.public_id)
    assert (kept.first_name, kept.locale) == ("Ada", "en")
    assert answer.status_code == 400 or kept.last_name == ""


def test_a_form_that_cannot_be_read_is_a_kind_page(client, prefer):
    for request in (
        {"content": b"--x", "headers": {"content-type": "multipart/form-data; boundary=y"}},
        {"files": {"first_name": ("a.txt", b"text")}},
    ):
        answer = client.post(prefer, **request)
        assert answer.status_code == 400
        assert "could not be read" in answer.text


@pytest.fixture
def about(tokens, store, ada):
    """The link of a message about a topic, of two that Ada chose."""
    add_topic(store.engine, "ai", "Machines & Minds")
    store.update(ada.public_id, topics=["ai", "web"])
    return f"/unsubscribe/{tokens.sign('unsubscribe', ada.public_id, 'ai')}"


def topics(store, profile):
    return store.find_public(profile.public_id).topics


def test_the_page_of_a_topic_offers_to_leave_it_or_everything(client, store, ada, about):
    page = client.get(about).text

    assert page.count("<button") == 2
    assert "Leave Machines &amp; Minds?" in page
    everything = re.search(r'<form method="post" action="([^"]+)">', page)[1]
    assert client.post(everything).status_code == 200
    assert status(store, ada) is Status.UNSUBSCRIBED


@pytest.mark.parametrize(
    ("data", "source"), [(ONE_CLICK, "one-click"), ({"from": "page"}, "unsubscribe page")]
)
def test_a_message_about_a_topic_is_left_by_topic(client, store, ada, about, data, source):
    """One click leaves the list that the message was sent to (RFC 8058): that of the topic."""
    for _ in range(2):
        answer = client.post(about, data=data)
        assert answer.status_code == 200
        assert "You have left Machines &amp; Minds" in answer.text

    assert (status(store, ada), topics(store, ada)) == (Status.ACTIVE, ("web",))
    kept = [(line.topic, line.source) for line in store.find_public(ada.public_id).consent if line.topic]
    assert kept[2:] == [("ai", source)]
    assert "You have left" in client.get(about).text


def test_a_topic_that_is_no_more_is_left_with_everything(client, store, ada, about):
    """The person wants no more of what came; what that was is not known any more."""
    remove_topic(store.engine, "ai")

    assert "Leave Field Notes?" in client.get(about).text
    assert "You are unsubscribed" in client.post(about, data=ONE_CLICK).text
    assert status(store, ada) is Status.UNSUBSCRIBED


def test_who_left_everything_is_not_told_of_a_topic(client, store, ada, about):
    store.unsubscribe(ada.public_id, source="page")

    for answer in (client.get(about), client.post(about, data=ONE_CLICK)):
        assert "You are unsubscribed" in answer.text


def test_topics_are_chosen_and_left_on_the_preferences_page(client, store, ada, about, prefer):
    page = client.get(prefer).text
    assert (
        '<input type="checkbox" name="topic" value="ai" checked> <span dir="auto">Machines &amp; Minds</span>'
        in page
    )
    assert "issues that are about no topic" in page, "so that nobody takes empty boxes for no mail"
    add_topic(store.engine, "new")

    client.post(prefer, data={"first_name": "Ada"})
    assert topics(store, ada) == ("ai", "web")
    client.post(prefer, data={"topics": "shown", "topic": ["web", "new"]})
    assert topics(store, ada) == ("new", "web")
    client.post(prefer, data={"topics": "shown"})
    assert topics(store, ada) == ()


def test_a_topic_that_was_not_offered_cannot_be_chosen(client, store, ada, about, prefer):
    answer = client.post(prefer, data={"topics": "shown", "topic": ["secret"], "first_name": "Eve"})

    assert (answer.status_code, "no such topic" in answer.text) == (400, True)
    assert (topics(store, ada), store.find_public(ada.public_id).first_name) == (("ai", "web"), "Ada")


def test_a_reader_takes_a_break_and_ends_it(client, store, ada, prefer):
    client.post(prefer, data={"pause": "month"})

    until = store.find_public(ada.public_id).paused_until
    assert timedelta(days=29) < until - now() < timedelta(days=31)
    assert f"We will not write to you before {long_date(until.date(), 'en')}." in client.get(prefer).text
    client.post(prefer, data={"pause": "end"})
    assert store.find_public(ada.public_id).paused_until is None
    assert "Pause for a month" in client.get(prefer).text
    assert store.find_public(ada.public_id).first_name == "Ada"


def test_a_key_that_was_made_meanwhile_is_believed(client, engine, store, ada, leave):
    """The service runs on while somebody rotates the keys; old links stay good."""
    assert client.get(leave).status_code == 200
    add_key(engine, KeyPurpose.LINKS)
    new = f"/unsubscribe/{Tokens(engine).sign('unsubscribe', ada.public_id)}"

    assert new != leave
    assert [client.get(link).status_code for link in (new, leave)] == [200, 200]


def test_a_name_is_text_wherever_it_stands(client, ada, fresh):
    page = client.post(fresh, data={"first_name": '"><script>alert(1)</script>'}).text

    assert "<script>" not in page
    assert "&#34;&gt;&lt;script&gt;" in page


def test_a_preference_is_nothing_for_who_has_left(client, store, ada, leave, prefer):
    client.post(leave, data=ONE_CLICK)

    assert "You are unsubscribed" in client.get(prefer).text
    assert "You are unsubscribed" in client.post(prefer, data={"first_name": "Zed"}).text
    assert store.find_public(ada.public_id).first_name == "Ada"


def test_the_service_is_well_as_long_as_its_database_answers(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_when_the_database_fails_nothing_is_told_but_to_come_back(publication, sqlite_engine, caplog):
    profile, _ = SubscriberStore(sqlite_engine).add("ada.lovelace@example.com")
    path = f"/unsubscribe/{Tokens(sqlite_engine).sign('unsubscribe', profile.public_id)}"
    client = WebClient(create_app(publication, sqlite_engine))
    with sqlite_engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE subscriber RENAME TO elsewhere")

    answer = client.post(path, data=ONE_CLICK)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert answer.headers["cache-control"] == "no-store"
    assert profile.public_id not in caplog.text
    assert "SELECT" not in answer.text + caplog.text


def test_links_follow_the_path_that_the_publication_is_served_under(tmp_path, sqlite_engine):
    """A proxy may serve it as a part of another site."""
    said = {"name": "N", "from": "n@example.com", "url": "https://example.com/news"}
    client = WebClient(create_app(Publication(tmp_path, Settings(publication=said)), sqlite_engine))

    page = client.get("/").text
    assert 'href="/news/issues/"' in page
    assert 'href="/news/assets/' in page


def test_stylesheets_are_served_by_name_only(client):
    path = client.get("/").text.partition('rel="stylesheet" href="')[2].partition('"')[0]
    answer = client.get(path)

    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    for name in ("home.html.j2", "..%2f..%2fpyproject.toml", "none.css"):
        assert client.get(f"/assets/x/{name}").status_code == 404


# Time zones.


def zones_of(page):
    return re.findall(r'<option value="([A-Z][^"]*)"', page[page.index('id="time_zone"') :])


def test_the_time_zones_are_those_in_use_by_region_and_city(client, fresh):
    page = client.get(fresh).text
    offered = zones_of(page)

    assert len(offered) == len(set(offered)) < 430
    assert {"Europe/Berlin", "Asia/Kolkata", "Europe/Kyiv", "America/Argentina/Buenos_Aires", "UTC"} <= set(
        offered
    )
    assert not {"Asia/Calcutta", "Europe/Kiev", "GB", "Etc/GMT+5", "America/Buenos_Aires"} & set(offered)
    assert '<optgroup label="Europe">' in page
    assert re.search(
        r'<option value="Asia/Kolkata" data-also="[^"]*Asia/Calcutta[^"]*">Kolkata</option>', page
    )


@pytest.mark.parametrize(
    ("language", "region", "city"),
    [("de", "Asien", "Tokio"), ("ar", "آسيا", "كالكتا"), ("ar", "أوروبا", "برلين"), ("zh", "欧洲", "柏林")],
)
def test_regions_and_cities_are_in_the_language_of_the_page(
    client, store, ada, fresh, language, region, city
):
    store.update(ada.public_id, locale=language)
    page = client.get(fresh).text

    assert f'<optgroup label="{region}">' in page
    assert f">{city}</option>" in page


def test_an_older_name_that_a_reader_has_stays_and_is_shown(client, store, ada, fresh):
    """Whatever else is saved; and nobody's choice is guessed anew."""
    store.update(ada.public_id, time_zone="Asia/Calcutta")
    page = client.get(fresh).text
    assert '<option value="Asia/Calcutta" selected>' in page
    assert "data-guess" not in page

    assert client.post(fresh, data={"first_name": "Ada", "time_zone": "Asia/Calcutta"}).status_code == 200
    assert store.find(ada.email).time_zone == "Asia/Calcutta"
    assert client.post(fresh, data={"time_zone": "Mars/Olympus"}).status_code == 400
