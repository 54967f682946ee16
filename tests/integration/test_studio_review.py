"""Working together in the studio: approvals, comments, tests, share links, the editor; and what it refuses."""

from __future__ import annotations

import os
import re
from email import message_from_bytes, policy
from html import unescape

import pytest
from webclient import WebClient

from newsletter.config import load_publication
from newsletter.delivery.trial import trial_composer
from newsletter.editions import press
from newsletter.review import read_review
from newsletter.studio import create_studio
from subscribers import SubscriberStore

SETTINGS = """
[publication]
name = "Field Notes"
from = "Field Notes <notes@example.com>"
url = "https://notes.example.com"
postal_address = "1 Example Street, Example City"
"""
ISSUE = """---
title: The first swallow
date: 2026-04-11
---
Good morning {{ subscriber.first_name | default("reader") }}.

It came early this year.
"""
CLOCK = 1_775_894_400.0  # 2026-04-11T08:00:00Z
TOKEN = "a-long-enough-token-of-this-test"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "issues").mkdir()
    (tmp_path / "issues" / "swallow.md").write_text(ISSUE, encoding="utf-8")
    return tmp_path


def studio(folder, engine=None, token=None):
    return WebClient(create_studio(load_publication(folder), engine, clock=lambda: CLOCK, token=token))


@pytest.fixture
def client(folder):
    return studio(folder)


def digest(client):
    return re.search(r'name="digest" value="(\w+)"', client.get("/issues/swallow").text)[1]


def test_an_approval_is_shown_and_any_change_voids_it(client, folder):
    answer = client.post("/issues/swallow/approval", data={"by": "Ann", "digest": digest(client)})
    assert "Approved by Ann" in answer.text
    assert "Approved" in client.get("/").text
    (folder / "issues" / "swallow.md").write_text(ISSUE.replace("early", "late"), encoding="utf-8")

    page = client.get("/issues/swallow").text
    assert "Approved by Ann" not in page
    assert "Changed since it was approved" in page
    assert ">Approved<" not in client.get("/").text
    assert "Changed since approved" in client.get("/").text


def test_only_what_was_looked_at_can_be_approved(client, folder):
    seen = digest(client)
    (folder / "issues" / "swallow.md").write_text(ISSUE.replace("early", "late"), encoding="utf-8")
    answer = client.post("/issues/swallow/approval", data={"by": "Ann", "digest": seen})

    assert answer.status_code == 422
    assert "changed since you looked at it" in answer.text
    assert not read_review(folder / "issues" / "swallow.md").approvals


def test_an_approval_is_withdrawn(client, folder):
    client.post("/issues/swallow/approval", data={"by": "Ann", "digest": digest(client)})
    client.post("/issues/swallow/approval", data={"by": "Bob", "digest": digest(client), "undo": "yes"})

    assert not read_review(folder / "issues" / "swallow.md").approvals


def test_a_comment_is_pinned_to_its_line_and_follows_it(client, folder):
    client.post("/issues/swallow/comments", data={"by": "Ann", "text": "When <exactly>?", "line": "7"})
    path = folder / "issues" / "swallow.md"
    path.write_text(ISSUE.replace("Good morning", "A new line.\n\nGood morning"), encoding="utf-8")
    page = client.get("/issues/swallow").text

    assert "When &lt;exactly&gt;?" in page
    assert 'data-line-link="9">line 9</a>' in page
    path.write_text(ISSUE.replace("It came early this year.", "Rewritten."), encoding="utf-8")
    assert "what it is about is gone" in client.get("/issues/swallow").text


def test_a_comment_is_resolved_and_opened_again(client, folder):
    client.post("/issues/swallow/comments", data={"by": "Ann", "text": "Why?", "line": "0"})
    (made,) = read_review(folder / "issues" / "swallow.md").comments
    place = f"/issues/swallow/comments/{made.id}"

    assert "Resolved by Bob" in client.post(place, data={"by": "Bob", "resolved": "yes"}).text
    assert "Resolved by" not in client.post(place, data={"by": "Bob", "resolved": "no"}).text


def test_a_review_that_cannot_be_read_is_told_and_stops_nothing(client, folder):
    (folder / "issues" / "swallow.review.jsonl").write_text("<<<<<<< HEAD\n", encoding="utf-8")
    page = client.get("/issues/swallow")

    assert page.status_code == 200
    assert "this is no record of a review" in page.text


def test_a_test_is_handed_over_as_the_chosen_reader(client, folder):
    answer = client.post("/issues/swallow/test?as=example", data={"to": "me@example.com"})
    (path,) = (folder / "outbox").rglob("*.eml")
    message = message_from_bytes(path.read_bytes(), policy=policy.default)

    assert "was accepted by outbox" in answer.text
    assert (message["To"], message["Subject"]) == (
        "Alex Example <me@example.com>",
        "[Test] The first swallow",
    )
    assert "Good morning Alex." in message.get_body(("plain",)).get_content()


def test_a_bounced_test_comes_back_to_the_same_mailbox_as_one_from_the_command_line(folder, sqlite_engine):
    """The envelope of a studio's test is made by the same part as that of `newsletter test`."""
    (folder / "newsletter.toml").write_text(
        SETTINGS + '[smtp]\nreturn_path = "bounce@bounces.example.com"\n', encoding="utf-8"
    )
    publication = load_publication(folder)
    pressed = press(publication, folder / "issues" / "swallow.md")
    for engine in (None, sqlite_engine):
        bounces = trial_composer(publication, pressed, engine).envelope.bounces
        assert bounces is not None
        assert bounces.address("test-1") == "bounce@bounces.example.com"
        client = studio(folder, engine)
        assert (
            client.post("/issues/swallow/test?as=example", data={"to": "me@example.com"}).status_code == 200
        )


@pytest.mark.parametrize("to", ["", "nobody", "a@b@c", "me@example.com\r\nBcc: you@example.com"])
def test_a_test_goes_to_one_address_only(client, folder, to):
    assert client.post("/issues/swallow/test", data={"to": to}).status_code == 422
    assert not (folder / "outbox").exists()


@pytest.mark.parametrize("path", ["/approval", "/comments", "/comments/x", "/test", "/edit", "/share"])
def test_forms_of_other_sites_and_ports_are_refused(client, folder, path):
    for origin in ("https://evil.example", "http://127.0.0.1:9999", "null"):
        answer = client.post(
            f"/issues/swallow{path}", data={"by": "A", "text": "x"}, headers={"origin": origin}
        )
        assert answer.status_code == 403
    assert not (folder / "issues" / "swallow.review.jsonl").exists()


def test_forms_of_the_studio_itself_are_taken(client, folder):
    headers = {"origin": "http://127.0.0.1:8000"}
    client.post("/issues/swallow/comments", data={"by": "A", "text": "x"}, headers=headers)

    assert len(read_review(folder / "issues" / "swallow.md").comments) == 1


def test_the_editor_opens_by_a_link_where_one_is_set(folder):
    setting = '[studio]\neditor = "vscode://file{path}:{line}"\n'
    (folder / "newsletter.toml").write_text(SETTINGS + setting, encoding="utf-8")
    page = studio(folder).get("/issues/swallow").text

    assert f'href="vscode://file{folder}/issues/swallow.md:1"' in page


def test_the_editor_opens_by_a_command_where_one_is_set(folder):
    script = folder / "editor.sh"
    script.write_text(f'#!/bin/sh\necho "$1 $2" > "{folder}/opened"\n', encoding="utf-8")
    script.chmod(0o755)
    setting = f"[studio]\neditor = '\"{script}\" {{path}} {{line}}'\n"
    (folder / "newsletter.toml").write_text(SETTINGS + setting, encoding="utf-8")
    pipe = folder / "opened"
    os.mkfifo(pipe)
    answer = studio(folder).post("/issues/swallow/edit", data={"line": "5"})

    assert "open at line 5" in answer.text
    assert pipe.read_text(encoding="utf-8") == f"{folder}/issues/swallow.md 5\n"


def test_an_editor_that_is_none_is_told(folder, monkeypatch):
    monkeypatch.setenv("VISUAL", "vim")

    assert studio(folder).post("/issues/swallow/edit", data={"line": "5"}).status_code == 422
    assert "Open in the editor" not in studio(folder).get("/issues/swallow").text
    monkeypatch.setenv("VISUAL", "/usr/bin/code --wait")
    assert "Open in the editor" in studio(folder).get("/issues/swallow").text


# --- served to other machines ----------------------------------------------------------------------


def cookie(answer):
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


@pytest.fixture
def remote(folder):
    return studio(folder, token=TOKEN)


@pytest.fixture
def signed_in(remote):
    return cookie(remote.post("/sign-in", data={"token": TOKEN}))


def test_from_another_machine_every_page_asks_for_the_token(remote, signed_in):
    for path in ("/", "/issues/swallow", "/issues/swallow/frame", "/reports", "/people", "/events"):
        assert remote.get(path).headers["location"] == "/sign-in"
    assert "swallow" not in remote.get("/sign-in").text
    assert remote.post("/sign-in", data={"token": "wrong"}).status_code == 403
    assert remote.get("/issues/swallow", headers=signed_in).status_code == 200


def test_the_cookie_is_kept_from_scripts_and_other_sites(remote):
    said = remote.post("/sign-in", data={"token": TOKEN}).headers["set-cookie"].lower()

    assert "httponly" in said
    assert "samesite=lax" in said
    assert TOKEN not in said


def share(remote, signed_in):
    page = remote.post("/issues/swallow/share", data={"hours": "2"}, headers=signed_in).text
    return unescape(re.search(r'readonly value="http://127.0.0.1:8000([^"]+)"', page)[1])


def test_a_share_link_shows_the_issue_and_lets_nothing_be_done(remote, signed_in, folder):
    answer = remote.get(share(remote, signed_in))
    guest = cookie(answer)
    page = remote.get(answer.headers["location"], headers=guest)

    assert page.status_code == 200
    assert "The first swallow" in page.text
    assert '<form method="post"' not in page.text
    assert remote.get("/issues/swallow/frame", headers=guest).status_code == 200
    for path in ("/", "/reports", "/people"):
        assert remote.get(path, headers=guest).status_code == 403
    assert (
        remote.post("/issues/swallow/comments", data={"by": "A", "text": "x"}, headers=guest).status_code
        == 403
    )


def test_a_share_link_shows_nobody_of_the_list(folder, sqlite_engine):
    store = SubscriberStore(sqlite_engine)
    store.add("ada@example.com", first_name="Ada")
    remote = studio(folder, sqlite_engine, token=TOKEN)
    signed_in = cookie(remote.post("/sign-in", data={"token": TOKEN}))
    guest = cookie(remote.get(share(remote, signed_in)))
    key = store.find("ada@example.com").public_id

    for path in (
        "/issues/swallow",
        f"/issues/swallow?as={key}&find=ada",
        f"/issues/swallow?view=pair&with={key}",
    ):
        assert "ada@" not in remote.get(path, headers=guest).text
    assert "Ada" not in remote.get(f"/issues/swallow/frame?as={key}", headers=guest).text
    assert "Ada" in remote.get(f"/issues/swallow/frame?as={key}", headers=signed_in).text


def test_from_another_machine_only_named_addresses_are_mailed(folder):
    (folder / "newsletter.toml").write_text(
        SETTINGS + '[studio]\ntest_addresses = ["Me <me@example.com>"]\n', encoding="utf-8"
    )
    remote = studio(folder, token=TOKEN)
    signed_in = cookie(remote.post("/sign-in", data={"token": TOKEN}))

    for to, status in (("me@example.com", 200), ("you@example.com", 422)):
        assert remote.post("/issues/swallow/test", data={"to": to}, headers=signed_in).status_code == status


def test_a_studio_for_this_machine_makes_no_share_links(client):
    assert client.post("/issues/swallow/share", data={"hours": "2"}).status_code == 422
    assert "Share a link" not in client.get("/issues/swallow").text
