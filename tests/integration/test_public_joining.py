"""Joining, through the readers' web service, on both databases."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joining import NOON, Service, solve
from sqlalchemy import event

from newsletter.public.proof import solved
from subscribers import Consent, ConsentKind, Status, SuppressionReason, Tokens, import_file
from subscribers.topics import add_topic, remove_topic

ADA = "ada@example.com"


@pytest.fixture
def service(tmp_path, engine):
    return Service(tmp_path, engine)


@pytest.fixture
def quick(tmp_path, sqlite_engine):
    """The same for what has nothing to do with the database."""
    return Service(tmp_path, sqlite_engine)


@pytest.fixture
def make(tmp_path, engine):
    return lambda **signup: Service(tmp_path, engine, signup)


def body(answer):
    """What a page says, without what is different in every form."""
    return re.sub(r'name="form" value="[^"]*"', "", answer.text)


@pytest.mark.parametrize("proof", [True, False], ids=["with proof of work", "without scripts"])
def test_who_signs_up_and_confirms_is_on_the_list(service, proof):
    answer = service.join(ADA, proof=proof, first_name="Ada")
    assert (answer.status_code, "Check your inbox" in answer.text) == (200, True)
    assert service.status(ADA) is Status.PENDING

    (mail,) = service.mails()
    assert mail["To"] == ADA
    assert mail["Subject"] == "Please confirm: Field Notes"
    page = service.client.get(service.link(mail))
    assert page.text.count("<button") == 1
    answer = service.client.post(service.link(mail))

    assert (answer.status_code, "You are in" in answer.text) == (200, True)
    assert service.status(ADA) is Status.ACTIVE
    assert service.store.find(ADA).first_name == "Ada"


def test_nothing_but_a_press_confirms(quick):
    """Mail scanners open every link."""
    quick.join(ADA)
    link = quick.link(quick.mails()[0])

    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        quick.client.request(method, link)
    assert quick.status(ADA) is Status.PENDING


def test_a_second_press_finds_that_all_is_well_and_writes_nothing(service):
    service.join(ADA)
    link = service.link(service.mails()[0])
    service.client.post(link)
    before = service.store.find(ADA).consent

    answer = service.client.post(link)
    assert (answer.status_code, "You are in" in answer.text) == (200, True)
    assert "You are in" in service.client.get(link).text
    assert service.store.find(ADA).consent == before


def test_what_was_agreed_to_is_recorded_with_its_words(make):
    service = make(consent="Weekly, please.", consent_version="2026-04")
    service.address = "203.0.113.7"
    service.join(ADA, headers={"user-agent": "Browser/1"}, **{"from": "page"})
    service.client.post(service.link(service.mails()[0]), headers={"user-agent": "Other/2"})

    asked, confirmed = service.store.find(ADA).consent
    assert (asked.kind, asked.source, asked.text, asked.text_version, asked.ip, asked.user_agent) == (
        ConsentKind.OPT_IN,
        "form",
        "Weekly, please.",
        "2026-04",
        "203.0.113.7",
        "Browser/1",
    )
    assert (confirmed.kind, confirmed.text_version, confirmed.user_agent, confirmed.status) == (
        ConsentKind.CONFIRMED,
        "2026-04",
        "Other/2",
        "active",
    )
    assert "Weekly, please." in service.client.get("/subscribe").text


def test_where_somebody_was_need_not_be_kept(make):
    service = make(store_ip=False)
    service.join(ADA, headers={"user-agent": "Browser/1"})

    assert [(line.ip, line.user_agent) for line in service.store.find(ADA).consent] == [("", "")]


# Who is on the list is told to nobody.


def known(service, state):
    """Bring an address into a state; the same for all of them to ask about."""
    opted = Consent(ConsentKind.OPT_IN, "test")
    if state != "unknown":
        status = Status.PENDING if state == "pending" else Status.ACTIVE
        service.store.add(ADA, consent=opted, status=status)
    if state == "unsubscribed":
        service.store.unsubscribe(ADA, source="test")
    if state == "erased":
        service.store.erase(ADA)
    reason = {"complained": "COMPLAINED", "manual": "MANUAL", "bounced": "BOUNCED"}.get(state)
    if reason:
        service.store.suppress(ADA, SuppressionReason[reason])


STATES = {
    "unknown": "Please confirm: Field Notes",
    "pending": "Please confirm: Field Notes",
    "active": "You already receive Field Notes",
    "unsubscribed": "Please confirm: Field Notes",
    "bounced": "Please confirm: Field Notes",
    "erased": "Please confirm: Field Notes",
    "complained": None,
    "manual": None,
}


@pytest.mark.parametrize("path", ["/subscribe", "/preferences"])
def test_the_answer_is_the_same_whatever_is_known_of_an_address(tmp_path, sqlite_engine, path):
    service = Service(tmp_path, sqlite_engine, {"per_network": 100})
    answers = set()
    for state in STATES:
        known(service, state)
        for headers in ({}, {"accept": "application/json"}):
            data = {"email": ADA, **service.form(path), "altcha": solve_one(service)}
            answer = service.client.post(path, data=data, headers=headers)
            told = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
            answers.add((answer.status_code, body(answer), tuple(sorted(told.items()))))
        with sqlite_engine.begin() as connection:  # a fresh start for the next state
            for table in ("notice", "allowance", "suppression"):
                connection.exec_driver_sql(f"DELETE FROM {table}")
            connection.exec_driver_sql("UPDATE subscriber SET email_key = email_key || id")

    assert len(answers) == (2 if path == "/subscribe" else 1)


def solve_one(service):
    return solve(service.client.get("/subscribe/challenge").json())


@pytest.mark.parametrize("path", ["/subscribe", "/preferences"])
def test_the_disk_is_waited_for_once_whatever_is_known(service, path):
    """So the time of the answer tells nothing either: each is one transaction that writes."""
    service.join("first@example.com")  # makes the keys, once and for all
    commits = []
    event.listen(service.engine, "commit", commits.append)
    taken = {}
    for state in STATES:
        known(service, state)
        data = {"email": ADA, **service.form(path)}
        before = rows_of(service)
        commits.clear()
        service.client.post(path, data=data)
        taken[state] = (len(commits), rows_of(service) > before)
        with service.engine.begin() as connection:
            for table in ("notice", "allowance", "suppression"):
                connection.exec_driver_sql(f"DELETE FROM {table}")
            connection.exec_driver_sql("UPDATE subscriber SET email_key = email_key || id")

    assert set(taken.values()) == {(1, True)}


def rows_of(service):
    with service.engine.connect() as connection:
        return connection.exec_driver_sql("SELECT coalesce(sum(count), 0) FROM allowance").scalar()


@pytest.mark.parametrize("state", STATES)
def test_each_gets_the_mail_that_they_need_or_none(service, state):
    known(service, state)
    before = service.status(ADA)
    service.join(ADA)

    assert [mail["Subject"] for mail in service.mails()] == [STATES[state]] * (STATES[state] is not None)
    if state in ("active", "complained", "manual"):
        assert service.status(ADA) is before


def test_who_is_on_the_list_is_told_so_once_a_day_and_nothing_of_them_is_changed(service):
    service.store.add(ADA, first_name="Ada", consent=Consent(ConsentKind.OPT_IN))
    before = service.store.find(ADA)
    for _ in range(3):
        service.join(ADA, first_name="Eve")
    assert len(service.mails()) == 1
    assert service.store.find(ADA) == before

    service.later(hours=25)
    service.join(ADA)
    assert len(service.mails()) == 2


def test_who_left_after_signing_up_is_not_brought_back_by_the_old_link(service):
    service.join(ADA)
    link = service.link(service.mails()[0])
    service.client.post(link)
    service.store.unsubscribe(ADA, source="test")

    answer = service.client.post(link)
    assert (answer.status_code, "This link has expired" in answer.text) == (410, True)
    assert service.status(ADA) is Status.UNSUBSCRIBED


def test_a_link_that_is_over_offers_a_new_one_and_confirms_nothing(service):
    service.join(ADA)
    link = service.link(service.mails()[0])
    service.later(days=8)

    for answer in (service.client.get(link), service.client.post(link)):
        assert answer.status_code == 410
        assert 'href="/subscribe"' in answer.text
    assert service.status(ADA) is Status.PENDING


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(place=st.integers(0, 100), letter=st.sampled_from("Aa0-_~.Zz9"))
def test_no_changed_link_confirms(quick, place, letter):
    profile, _ = quick.store.add(ADA, consent=Consent(ConsentKind.OPT_IN), status=Status.PENDING)
    token = Tokens(quick.engine).sign("confirm", profile.public_id, until=NOON.replace(year=2027))
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        assert quick.client.post(f"/confirm/{changed}").status_code == 404
    assert quick.status(ADA) is Status.PENDING


def test_the_confirmation_is_mailed_anew_to_who_asks_again(service):
    service.join(ADA)
    service.mails()
    service.later(minutes=1)
    service.join(ADA)

    assert len(service.mails()) == 2


# Topics, names, languages.


def test_topics_are_chosen_in_the_form_and_theirs_when_they_confirm(service):
    add_topic(service.engine, "ai", "Machines & Minds")
    add_topic(service.engine, "web")
    page = service.client.get("/subscribe").text
    assert "Machines &amp; Minds" in page
    service.join(ADA, topics="shown", topic=["ai", "secret"])
    (mail,) = service.mails()

    assert "You chose: Machines & Minds" in mail.get_body(("plain",)).get_content()
    assert service.store.find(ADA).topics == ()
    service.client.post(service.link(mail))
    assert service.store.find(ADA).topics == ("ai",)


def test_a_form_that_shows_no_topics_is_about_those_that_are_offered(make):
    service = make(topics=["web", "gone"])
    for slug in ("ai", "web"):
        add_topic(service.engine, slug)
    assert 'value="ai"' not in service.client.get("/subscribe").text
    service.join(ADA)
    service.client.post(service.link(service.mails()[0]))

    assert service.store.find(ADA).topics == ("web",)


# Who is on the list and asks for more topics.


@pytest.fixture
def reader(service):
    """A reader of one of three topics, who left another one."""
    for slug, name in (("ai", "Machines & Minds"), ("web", ""), ("sea", "")):
        add_topic(service.engine, slug, name)
    service.store.add(ADA, topics=["ai", "sea"], consent=Consent(ConsentKind.OPT_IN))
    service.store.unsubscribe(ADA, source="test", topic="sea")
    return service


def topics_of(service):
    profile = service.store.find(ADA)
    return profile.topics, profile.left_topics


def test_a_reader_who_asks_for_more_topics_gets_them_by_a_press(reader):
    """Until then nothing is changed: it may be a stranger who asked."""
    reader.join(ADA, topics="shown", topic=["ai", "web", "sea"])
    (mail,) = reader.mails()
    path = reader.link(mail)
    page = reader.client.get(path)
    assert mail["Subject"] == "Please confirm more topics: Field Notes"
    assert "You chose: web, sea" in mail.get_body(("plain",)).get_content()
    assert path.startswith("/confirm/")
    assert "<bdi>web</bdi>" in page.text
    assert "Machines" not in page.text
    assert topics_of(reader) == (("ai",), ("sea",))

    answer = reader.client.post(path)
    assert answer.status_code == 200
    assert "<bdi>web</bdi>" in answer.text
    assert topics_of(reader) == (("ai", "sea", "web"), ())


@pytest.mark.parametrize("since", ["removed", "chosen", "left"])
def test_no_mail_asks_for_a_press_where_no_topic_is_left_to_confirm(reader, since):
    """The topic is gone, or they have it by now, or left it again: what would the press be for?"""
    reader.join(ADA, topics="shown", topic=["web"])
    if since == "removed":
        remove_topic(reader.engine, "web")
    elif since == "chosen":
        reader.store.update(reader.store.find(ADA).public_id, topics=["ai", "web"])
    else:
        reader.later(minutes=1)
        reader.store.unsubscribe(ADA, source="test", topic="web")

    assert reader.deliver() == {"skipped": 1}
    assert reader.mails() == []


def test_a_mail_about_several_topics_names_those_that_are_left(reader):
    reader.join(ADA, topics="shown", topic=["web", "sea"])
    remove_topic(reader.engine, "web")

    (mail,) = reader.mails()

    assert "You chose: sea" in mail.get_body(("plain",)).get_content().splitlines()


def test_what_was_asked_and_confirmed_is_in_the_log_for_each_topic(reader):
    reader.join(ADA, topics="shown", topic=["web"], headers={"user-agent": "Form/1"})
    reader.later(hours=1)
    reader.client.post(reader.link(reader.mails()[0]), headers={"user-agent": "Press/1"})
    asked, confirmed = reader.store.find(ADA).consent[-2:]

    assert (asked.kind, asked.topic, asked.user_agent, asked.at) == (
        ConsentKind.REQUESTED,
        "web",
        "Form/1",
        confirmed.at - timedelta(hours=1),
    )
    assert (confirmed.kind, confirmed.topic, confirmed.user_agent) == (
        ConsentKind.CONFIRMED,
        "web",
        "Press/1",
    )
    assert asked.text == confirmed.text == reader_consent()
    before = reader.store.find(ADA)
    assert reader.client.post(reader.link(reader.mails()[0])).status_code == 200
    assert reader.store.find(ADA) == before


def reader_consent():
    return "I would like to receive Field Notes by e-mail. I can leave at any time with one press."


def test_a_link_adds_what_its_mail_named_and_each_request_has_its_own(reader):
    reader.join(ADA, topics="shown", topic=["web"])
    first = reader.link(reader.mails()[0])
    reader.later(minutes=1)
    reader.join(ADA, topics="shown", topic=["sea"])
    second = reader.link(reader.mails()[1])

    reader.client.post(second)
    assert topics_of(reader) == (("ai", "sea"), ())
    reader.client.post(first)
    assert topics_of(reader) == (("ai", "sea", "web"), ())


def test_an_old_link_does_not_undo_what_a_reader_did_later(reader):
    reader.join(ADA, topics="shown", topic=["web"])
    path = reader.link(reader.mails()[0])
    reader.client.post(path)
    reader.store.unsubscribe(ADA, source="test", topic="web")
    assert "<bdi>web</bdi>" not in reader.client.get(path).text
    reader.client.post(path)
    assert topics_of(reader) == (("ai",), ("sea", "web"))

    reader.store.unsubscribe(ADA, source="test")
    assert reader.client.post(path).status_code == 410


@pytest.mark.parametrize("ticked", [{}, {"topics": "shown", "topic": "ai"}, {"topics": "shown"}])
def test_who_asks_for_nothing_new_is_told_that_they_are_a_reader(reader, ticked):
    """A form that shows no topics asks for no more of them."""
    before = reader.store.find(ADA)
    reader.join(ADA, **ticked)

    assert [mail["Subject"] for mail in reader.mails()] == ["You already receive Field Notes"]
    assert reader.store.find(ADA) == before


def test_the_answer_and_its_time_do_not_tell_who_asks_for_more(reader):
    """The same page and one transaction, for a stranger, a reader with all topics, and one who wants more."""
    reader.store.add("all@example.com", topics=["ai", "web"], consent=Consent(ConsentKind.OPT_IN))
    reader.join("first@example.com")  # makes the keys, once and for all
    commits, answers = [], set()
    event.listen(reader.engine, "commit", commits.append)
    for email in ("new@example.com", "all@example.com", ADA):
        data = {"email": email, "topics": "shown", "topic": ["ai", "web"], **reader.form()}
        commits.clear()
        answer = reader.client.post("/subscribe", data=data)
        answers.add((answer.status_code, answer.text, len(commits)))

    assert len(answers) == 1
    assert {count for _, _, count in answers} == {1}


@pytest.mark.parametrize("gone", ["complained", "unsubscribed"])
def test_who_left_before_the_mail_was_handed_over_gets_none(reader, gone):
    reader.join(ADA, topics="shown", topic=["web"])
    if gone == "unsubscribed":
        reader.store.unsubscribe(ADA, source="test")
    else:
        reader.store.suppress(ADA, SuppressionReason.COMPLAINED)

    assert reader.mails() == []


@pytest.mark.parametrize(
    ("language", "subject"),
    [
        ("de-AT", "Bitte bestätigen: Field Notes"),
        ("ar", "يرجى التأكيد: Field Notes"),
        ("nl", "Please confirm: Field Notes"),
    ],
)
def test_page_and_mail_are_in_the_language_of_the_reader(quick, language, subject):
    quick.join(ADA, headers={"accept-language": language})
    (mail,) = quick.mails()

    assert mail["Subject"] == subject
    html = mail.get_body(("html",)).get_content()
    assert ('dir="rtl"' in html) is (language == "ar")
    page = quick.client.get(quick.link(mail), headers={"accept-language": "fr"})
    assert page.headers["content-language"] == quick.store.find(ADA).locale


def test_the_address_of_a_page_may_say_its_language(quick):
    page = quick.client.get("/subscribe?lang=ar", headers={"accept-language": "de"})

    assert '<html lang="ar" dir="rtl">' in page.text
    assert page.headers["vary"] == "Accept-Language"


def test_search_engines_may_find_the_form_and_none_of_its_answers(quick):
    page = quick.client.get("/subscribe?lang=fr")
    answer = quick.client.post("/subscribe", data={"email": "nobody"})

    assert page.headers["x-robots-tag"] == "all"
    assert '<link rel="canonical" href="https://notes.example.com/subscribe">' in page.text
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"


@pytest.mark.parametrize("path", ["/subscribe", "/preferences"])
def test_the_answer_to_a_form_is_in_the_language_of_the_form(quick, path):
    page = quick.client.get(f"{path}?lang=zh", headers={"accept-language": "de"}).text
    action = re.search(r'<form method="post" action="([^"]+)"', page)[1]
    quick.later(seconds=5)
    data = {"email": ADA, "form": re.search(r'name="form" value="([^"]+)"', page)[1]}

    answer = quick.client.post(action, data=data, headers={"accept-language": "de"})
    assert "请查看您的收件箱" in answer.text


def test_nothing_that_a_stranger_entered_is_in_the_mail(quick):
    """Else anybody could have us mail their advertisement."""
    quick.join(ADA, first_name="Buy pills at https://spam.example.org")
    (mail,) = quick.mails()

    assert b"spam" not in mail.as_bytes()


# The gate.


def test_a_form_without_proof_or_token_is_shown_again_with_what_was_entered(quick):
    answer = quick.client.post("/subscribe", data={"email": ADA, "first_name": "Ada"})

    assert answer.status_code == 200
    assert f'value="{ADA}"' in answer.text
    assert "press the button once more" in answer.text
    assert quick.status(ADA) is None


@pytest.mark.parametrize("field", ["form", "altcha"], ids=["a forged form", "a forged proof"])
@pytest.mark.parametrize(
    "value", ["x", "", "é", "e30=", b64encode(b"[1]").decode(), "A" * 5000, "WHO~~9999999999.x"]
)
def test_what_is_forged_is_no_proof(quick, field, value):
    quick.client.post("/subscribe", data={"email": ADA, field: value})

    assert quick.status(ADA) is None


@given(
    st.one_of(
        st.text(max_size=60),
        st.recursive(
            st.one_of(st.none(), st.integers(), st.text(max_size=5)),
            lambda x: st.dictionaries(
                st.sampled_from(["algorithm", "challenge", "salt", "number", "signature"]), x, max_size=5
            ),
        ),
    )
)
def test_no_answer_is_too_strange(said):
    for text in (str(said), b64encode(json.dumps(said).encode()).decode()):
        assert solved(text, [b"k"], NOON) is None


def test_a_proof_is_good_once_and_for_an_hour_and_for_this_publication_only(service):
    challenge = service.client.get("/subscribe/challenge").json()
    answer = solve(challenge)
    service.client.post("/subscribe", data={"email": "one@example.com", "altcha": answer})
    service.client.post("/subscribe", data={"email": "two@example.com", "altcha": answer})
    assert (service.status("one@example.com"), service.status("two@example.com")) == (Status.PENDING, None)

    late = solve_one(service)
    service.later(hours=2)
    service.client.post("/subscribe", data={"email": ADA, "altcha": late})
    moved = {**service.client.get("/subscribe/challenge").json()}
    number = json_number(moved)
    moved["salt"], moved["number"] = moved["salt"] + str(number)[:1], int(str(number)[1:] or 0)
    service.client.post("/subscribe", data={"email": ADA, "altcha": encoded(moved)})
    forged = {**moved, "signature": "0" * 64}
    service.client.post("/subscribe", data={"email": ADA, "altcha": encoded(forged)})
    assert service.status(ADA) is None


def json_number(challenge):
    return json.loads(b64decode(solve(challenge)))["number"]


def encoded(said):
    return b64encode(json.dumps(said).encode()).decode()


def test_a_form_that_is_sent_at_once_or_after_a_day_was_not_read(quick):
    page = quick.client.get("/subscribe").text
    token = re.search(r'name="form" value="([^"]+)"', page)[1]
    for span in ({"seconds": 0}, {"days": 2}):
        quick.later(**span)
        quick.client.post("/subscribe", data={"email": ADA, "form": token})
    assert quick.status(ADA) is None


def test_who_fills_in_the_trap_is_answered_as_others_and_nothing_is_done(quick):
    good = quick.join("other@example.com")
    trapped = quick.join(ADA, website="https://spam.example.org")

    assert (trapped.status_code, body(trapped)) == (good.status_code, body(good))
    assert quick.status(ADA) is None


def test_an_address_is_mailed_three_times_a_day_at_most_and_the_answer_does_not_tell(service):
    answers = set()
    for _ in range(6):
        answers.add(body(service.join(ADA)))
        service.deliver()

    assert len(service.mails()) == 3
    assert len(answers) == 1
    service.later(hours=25)
    service.join(ADA)
    assert len(service.mails()) == 4


def test_a_network_may_send_so_many_an_hour_and_another_one_does_not_suffer(make):
    service = make(per_network=3)
    service.address = "2001:db8::1"
    for number in range(3):
        assert service.join(f"a{number}@example.com").status_code == 200
    service.address = "2001:db8::2"
    refused = service.join("b@example.com")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3600")
    assert service.status("b@example.com") is None
    service.address = "2001:db8:0:1::1"
    assert service.join("c@example.com").status_code == 200
    service.address = "2001:db8::1"
    service.later(hours=1.1)
    assert service.join("d@example.com").status_code == 200


def test_without_proof_of_work_a_network_may_send_less(make):
    service = make(per_network=4)
    assert service.join("a@example.com", proof=False).status_code == 200
    assert service.join("b@example.com", proof=False).status_code == 429
    assert service.join("c@example.com").status_code == 200


def test_all_together_may_send_so_many_an_hour(make):
    service = make(per_hour=2)
    for number, status in enumerate([200, 200, 429]):
        service.address = f"198.51.{number}.1"
        assert service.join(f"a{number}@example.com").status_code == status


def test_counters_outlive_the_process_and_hold_no_address(tmp_path, engine):
    first = Service(tmp_path, engine, {"per_network": 1})
    first.join(ADA)
    second = Service(tmp_path, engine, {"per_network": 1})

    assert second.join("b@example.com").status_code == 429
    with engine.connect() as connection:
        names = str(connection.exec_driver_sql("SELECT name FROM allowance").all())
    assert "example" not in names
    assert "127.0" not in names


@pytest.mark.parametrize(
    "email", ["", "no address", "a@b", "x" * 500 + "@example.com", "a@example.com\r\nBcc: b@example.com"]
)
def test_what_is_no_address_is_said_so_and_kept_in_the_form(quick, email):
    answer = quick.join(email)

    assert (answer.status_code, "cannot write to this e-mail address" in answer.text) == (400, True)
    assert quick.mails() == []


def test_another_page_may_send_the_form_and_read_the_answer(quick):
    """It has no cookie, and tells nothing of anybody."""
    answer = quick.join(ADA, headers={"accept": "application/json", "origin": "https://other.example.org"})

    assert answer.json() == {"done": True, "message": answer.json()["message"]}
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    for path in ("/subscribe/challenge", "/subscribe.js"):
        assert quick.client.get(path).headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in quick.client.get("/subscribe").headers


# Who did not ask is not signed up.


def test_nobody_is_signed_up_by_a_file_or_a_list(service, tmp_path):
    """An import brings whoever is in it as the publication's own word, and mails nobody a confirmation."""
    file = tmp_path / "people.csv"
    file.write_text("email,status\nada@example.com,pending\nbob@example.com,active\n")
    import_file(service.store, file, consent_text="bought")

    assert service.mails() == []
    kinds = {
        line.kind
        for email in (ADA, "bob@example.com")
        for p in [service.store.find(email)]
        if p
        for line in p.consent
    }
    assert ConsentKind.OPT_IN not in kinds
    assert ConsentKind.CONFIRMED not in kinds


def test_a_program_that_sends_many_requests_signs_up_nobody(quick):
    """It neither has the mail, nor a token that it could make; what it can do is fill in forms."""
    quick.join(ADA)
    pending = quick.store.find(ADA)
    for token in (pending.public_id, f"{pending.public_id}~~9999999999.{'A' * 22}", "x"):
        assert quick.client.post(f"/confirm/{token}").status_code == 404
    for action in ("unsubscribe", "preferences", "data", "erase"):
        token = Tokens(quick.engine).sign(action, pending.public_id, until=NOON.replace(year=2027))
        assert quick.client.post(f"/confirm/{token}").status_code == 404
    endless = Tokens(quick.engine).sign("confirm", pending.public_id)
    assert quick.client.post(f"/confirm/{endless}").status_code == 410
    assert quick.status(ADA) is Status.PENDING


def test_without_double_opt_in_only_who_never_left_joins_at_once(make):
    service = make(double_opt_in=False)
    service.join(ADA)
    assert (service.status(ADA), service.mails()) == (Status.ACTIVE, [])
    service.store.unsubscribe(ADA, source="test")
    service.join(ADA)

    assert service.status(ADA) is Status.PENDING
    assert len(service.mails()) == 1
    service.join(ADA)
    assert service.status(ADA) is Status.PENDING


def test_a_publication_may_take_no_sign_ups(make):
    service = make(enabled=False)

    for path in ("/subscribe", "/subscribe/challenge", "/subscribe.js"):
        assert service.client.get(path).status_code == 404
    assert service.client.post("/subscribe", data={"email": ADA}).status_code == 404
    assert "/subscribe" not in service.client.get("/").text


def test_what_a_browser_calls_itself_is_kept_on_one_line(quick):
    quick.join(ADA, headers={"user-agent": "a\tb"})

    assert quick.store.find(ADA).consent[0].user_agent == "a b"
