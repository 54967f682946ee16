"""One's own data, and lost links: behind freshly mailed links only, on both databases."""

from __future__ import annotations

import json

import pytest
from joining import Service

from subscribers import Consent, ConsentKind, Status, SuppressionReason, Tokens

ADA = "ada@example.com"


@pytest.fixture
def service(tmp_path, engine):
    service = Service(tmp_path, engine, {"proof_of_work": 0, "form_seconds": 0})
    service.store.add(ADA, first_name="Ada", last_name="Lovelace", consent=Consent(ConsentKind.OPT_IN, "x"))
    return service


@pytest.fixture
def preferences(service):
    """The link that is in every mail."""
    return f"/preferences/{Tokens(service.engine).sign('preferences', service.store.find(ADA).public_id)}"


def ask(service, email=ADA):
    return service.client.post("/preferences", data={"email": email, **service.form("/preferences")})


def test_a_lost_link_is_mailed_and_opens_all_of_the_page(service):
    assert "on its way" in ask(service).text
    (mail,) = service.mails()
    assert mail["Subject"] == "Your preferences: Field Notes"

    assert 'value="Lovelace"' in service.client.get(service.link(mail)).text
    service.client.post(service.link(mail), data={"last_name": "King"})
    assert service.store.find(ADA).last_name == "King"
    service.later(hours=25)
    assert "King" not in service.client.get(service.link(mail)).text


@pytest.mark.parametrize("state", ["unknown", "manual", "complained", "erased"])
def test_who_must_not_be_mailed_is_mailed_no_link(service, state):
    if state == "unknown":
        ask(service, "nobody@example.com")
    else:
        if state == "erased":
            service.store.erase(ADA)
        else:
            service.store.suppress(ADA, SuppressionReason(state))
        ask(service)

    assert service.mails() == []


def test_a_copy_of_ones_data_is_behind_a_mailed_link_and_a_press(service, preferences):
    answer = service.client.post(preferences, data={"mail": "data"})
    assert "on its way to a•••@example.com" in answer.text
    link = service.link(service.mails()[0])
    page = service.client.get(link)
    assert (page.status_code, page.text.count("<button")) == (200, 1)
    assert "Lovelace" not in page.text

    copy = service.client.post(link)
    assert copy.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    assert copy.headers["cache-control"] == "no-store"
    known = copy.json()
    assert "id" not in known
    assert (known["email"], known["last_name"], known["deliveries"]) == (ADA, "Lovelace", [])
    assert known["consent"][0]["kind"] == "opt_in"


def test_erasure_is_behind_a_mailed_link_and_a_press_and_holds(service, preferences):
    service.client.post(preferences, data={"mail": "erasure"})
    link = service.link(service.mails()[0])
    for method in ("GET", "HEAD"):
        service.client.request(method, link)
    assert service.status(ADA) is Status.ACTIVE

    for _ in range(2):
        answer = service.client.post(link)
        assert (answer.status_code, "We have forgotten you" in answer.text) == (200, True)
    assert service.store.find(ADA) is None
    assert list((service.root / "outbox" / "notices").iterdir()) == []
    assert "off the list" in service.client.get(preferences).text


def test_a_stranger_with_a_forwarded_mail_gets_and_destroys_nothing(service, preferences):
    """What they can have mailed goes to the reader, once an hour."""
    token = preferences.rpartition("/")[2]
    for action in ("data", "erase", "confirm"):
        assert service.client.post(f"/{action}/{token}").status_code == 404
    for _ in range(5):
        service.client.post(preferences, data={"mail": "erasure"})
        service.deliver()
    assert len(service.mails()) == 1
    assert service.mails()[0]["To"] == ADA
    assert service.store.find(ADA).last_name == "Lovelace"


@pytest.mark.parametrize("action", ["data", "erase"])
def test_an_endless_token_and_one_that_is_over_are_refused_with_a_way_on(service, action):
    tokens, who = Tokens(service.engine), service.store.find(ADA).public_id
    over = tokens.sign(action, who, until=service.time)
    for token in (tokens.sign(action, who), over):
        for answer in (service.client.get(f"/{action}/{token}"), service.client.post(f"/{action}/{token}")):
            assert answer.status_code == 410
            assert 'href="/preferences"' in answer.text
    assert service.status(ADA) is Status.ACTIVE


def test_who_has_left_still_gets_their_data(service, preferences):
    service.store.unsubscribe(ADA, source="test")
    assert "Mail me a link" not in service.client.get(preferences).text
    ask(service)
    link = service.link(service.mails()[0])
    page = service.client.get(link).text
    assert "You are unsubscribed" in page
    assert "Mail me a link to a copy" in page
    service.client.post(link, data={"mail": "data", "first_name": "Zed"})

    copy = service.client.post(service.link(service.mails()[-1]))
    assert json.loads(copy.text)["status"] == "unsubscribed"
    assert service.store.find(ADA).first_name == "Ada"
