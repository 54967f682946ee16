"""The studio's pages, over real files and a real list."""

from __future__ import annotations

import os
from email import message_from_bytes, policy

import pytest
from webclient import WebClient

from newsletter.config import load_publication
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
subject: "{{ subscriber.first_name | default('Reader') }}, the first swallow"
preheader: One bird, seen on the ridge, and what it means for the summer to come.
---
Good morning from {{ subscriber.town }}.

It came early this year.
"""
CLOCK = 1_775_894_400.0  # 2026-04-11T08:00:00Z


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "issues").mkdir()
    write(tmp_path, ISSUE)
    return tmp_path


def write(folder, text, name="swallow"):
    path = folder / "issues" / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    # Two writes within one tick of the file system's clock must not look the same.
    os.utime(path, ns=(next(TICKS), next(TICKS)))


TICKS = iter(range(1_775_894_400_000_000_000, 1_875_894_400_000_000_000, 1_000_000_000))


@pytest.fixture
def store(sqlite_engine):
    store = SubscriberStore(sqlite_engine)
    store.add("ada@example.com", first_name="Ada", last_name="Lovelace", attributes={"town": "London"})
    store.add("grace@example.org", first_name="Grace")
    return store


@pytest.fixture
def client(folder, store):
    return studio(folder, store.engine)


def studio(folder, engine=None):
    return WebClient(create_studio(load_publication(folder), engine, clock=lambda: CLOCK))


def public_id(store, email):
    return store.find(email).public_id


def test_the_list_tells_of_each_issue_whether_it_compiles(client, folder):
    write(folder, "---\ntitle: Broken\n---\n{% if subscriber.tags %}\n", "broken")
    page = client.get("/").text

    assert "The first swallow" in page
    assert page.count("Does not compile") == 1
    assert page.count(">Compiles<") == 1
    assert "issues/broken.md:4" in page


def test_an_attribute_compiles_on_an_empty_list_and_where_it_is_declared_as_in_a_terminal(
    folder, sqlite_engine
):
    """`newsletter check` and `build` do the same; of a list that has people, a name that none has is a slip."""
    write(folder, "---\ntitle: Asks\n---\n{% if subscriber.country == 'DE' %}\n\nx\n\n{% endif %}\n", "asks")
    assert "Does not compile" not in studio(folder, sqlite_engine).get("/").text

    SubscriberStore(sqlite_engine).add("ada@example.com", attributes={"town": "London"})
    page = studio(folder, sqlite_engine).get("/issues/asks").text
    assert "`[subscribers] attributes`" in page or "<code>[subscribers] attributes</code>" in page

    settings = SETTINGS + '\n[subscribers]\nattributes = ["country"]\n'
    (folder / "newsletter.toml").write_text(settings, encoding="utf-8")
    assert "Does not compile" not in studio(folder, sqlite_engine).get("/").text


def test_the_newest_issue_stands_first_and_the_unreadable_before_it(client, folder):
    write(
        folder, ISSUE.replace("2026-04-11", "2026-03-01").replace("title: The first", "title: Older"), "older"
    )
    write(folder, "---\ntitle: [\n---\n", "unreadable")
    page = client.get("/").text

    assert page.index("unreadable.md") < page.index("swallow.md") < page.index("older.md")


def test_a_long_list_has_pages(client, folder):
    for number in range(30):
        write(
            folder,
            f"---\ntitle: Number {number:02}\ndate: 2026-01-{number + 1:02}\n---\nText.\n",
            f"n{number:02}",
        )

    assert "31 issues" in client.get("/").text
    assert "Number 00" not in client.get("/").text.partition("</table>")[0]
    assert "Number 00" in client.get("/?page=2").text
    assert "Number 00" in client.get("/?page=99").text


def test_issues_are_found_by_their_words(client, folder):
    write(folder, "---\ntitle: Other\n---\nÜber alle Berge.\n", "other")
    found = (
        client.get("/", params={"find": "über BERGE"}).text.partition("<table")[2].partition("</table>")[0]
    )

    assert "other.md" in found
    assert "swallow.md" not in found
    assert "No issue has these words" in client.get("/", params={"find": "<script>"}).text


def test_without_issues_the_list_says_how_to_make_one(client, folder):
    (folder / "issues" / "swallow.md").unlink()

    assert "newsletter new" in client.get("/").text


def test_an_issue_is_found_by_its_slug_and_by_its_file(client, folder):
    write(folder, ISSUE.replace("date:", "slug: spring\ndate:"), "2026 April")

    assert client.get("/issues/spring").status_code == 200
    assert client.get("/issues/2026%20April").status_code == 200


@pytest.mark.parametrize(
    "slug",
    ["nothing", "..%2fnewsletter", "%2e%2e%2fnewsletter.toml", "swallow.md", "%00", "issues%2fswallow"],
)
def test_only_issues_of_the_list_can_be_opened(client, folder, slug):
    (folder / "secret.md").write_text("---\ntitle: Secret\n---\nText.\n", encoding="utf-8")

    for path in (
        f"/issues/{slug}",
        f"/issues/{slug}/frame",
        f"/issues/{slug}/message.eml",
        "/issues/..%2fsecret",
    ):
        assert client.get(path).status_code == 404


def test_the_inbox_row_and_the_frames_are_of_the_chosen_subscriber(client, store):
    look = f"?as={public_id(store, 'ada@example.com')}"

    page = client.get(f"/issues/swallow{look}").text
    assert "Ada, the first swallow" in page
    assert "One bird, seen on the ridge" in page
    assert "Good morning from London." in client.get(f"/issues/swallow/frame{look}").text


@pytest.mark.parametrize("email", ["ada@example.com", "grace@example.org"])
def test_a_frame_shows_what_the_message_has(client, store, email):
    """It is made without the message, sooner; also for who would be skipped, whose town is not known."""
    key = public_id(store, email)
    raw = client.get(f"/issues/swallow/message.eml?as={key}").content
    mailed = message_from_bytes(raw, policy=policy.default).get_body(("html",)).get_content()
    framed = client.get(f"/issues/swallow/frame?as={key}").text

    assert body_of(framed) == body_of(mailed.replace("\r\n", "\n"))
    assert "Good morning from" in body_of(framed)


def body_of(html):
    return html[html.index("<body") :].strip()


def test_a_subscriber_who_would_be_skipped_is_told_with_the_reason(client, store):
    page = client.get(f"/issues/swallow?as={public_id(store, 'grace@example.org')}").text

    assert "would be skipped" in page
    assert "{{ subscriber.town }}" in page
    assert "swallow.md, line 7" in page
    frame = client.get(f"/issues/swallow/frame?as={public_id(store, 'grace@example.org')}").text
    assert "Good morning from [no value]." in frame


def test_subscribers_are_found_by_a_part_of_their_address(client):
    page = client.get("/issues/swallow?find=GRACE@").text

    assert "grace@example.org" in page.partition('class="found"')[2].partition("</ul>")[0]
    assert "ada@example.com" not in page.partition('class="found"')[2].partition("</ul>")[0]


@pytest.mark.parametrize("term", ['"', "' or true or '", "{{ 7 * 7 }}", "\\", "%", "nobody", "\x00", "é"])
def test_a_search_for_anything_is_only_a_search(client, term):
    answer = client.get("/issues/swallow", params={"find": term})

    assert answer.status_code == 200
    assert "grace@example.org" not in answer.text


@pytest.mark.parametrize(
    "key", ["", "example", "no-name", "long-name", "other-script", "no-such", "\x00", "é" * 300]
)
def test_any_reader_key_shows_somebody(client, key):
    assert client.get("/issues/swallow", params={"as": key}).status_code == 200
    assert client.get("/issues/swallow/frame", params={"as": key}).status_code == 200


def test_without_a_list_there_are_the_made_up_readers(folder):
    client = studio(folder)

    assert "Example reader" in client.get("/issues/swallow").text
    assert "Nobody has" in client.get("/issues/swallow?find=a").text


def test_the_address_of_a_page_tells_no_address_of_a_subscriber(client):
    page = client.get("/issues/swallow?find=grace").text
    links = [part.partition('"')[0] for part in page.split('href="')[1:]]

    assert not [link for link in links if "grace" in link.replace("find=grace", "")]


def test_the_message_can_be_downloaded_as_it_would_be_made(client, store):
    answer = client.get(f"/issues/swallow/message.eml?as={public_id(store, 'ada@example.com')}")
    message = message_from_bytes(answer.content, policy=policy.default)

    assert answer.headers["content-disposition"] == 'attachment; filename="swallow.eml"'
    assert message["Subject"] == "Ada, the first swallow"
    assert message["Date"] == "Sat, 11 Apr 2026 08:00:00 -0000"
    assert message.get_content_type() == "multipart/alternative"


def test_a_proof_bears_no_link_that_could_unsubscribe_anybody(client, store):
    message = client.get(f"/issues/swallow/message.eml?as={public_id(store, 'ada@example.com')}").content

    assert b"List-Unsubscribe: <https://notes.example.com/unsubscribe/example>" in message
    assert public_id(store, "ada@example.com").encode() not in message


def test_the_header_fields_are_shown_read_and_written(client, store):
    store.add("li@example.com", first_name="李", attributes={"town": "X"})
    page = client.get(f"/issues/swallow?view=headers&as={public_id(store, 'li@example.com')}").text

    assert "李 &lt;li@example.com&gt;" in page
    assert "=?utf-8?" in page
    assert "List-Unsubscribe-Post" in page


def test_the_plain_text_is_shown(client):
    page = client.get("/issues/swallow?view=text&as=example").text

    assert "It came early this year." in page.partition("<pre")[2]


def test_an_issue_that_breaks_keeps_its_last_good_version(client, folder):
    assert "early" in client.get("/issues/swallow/frame").text
    write(folder, ISSUE + "\n{% if subscriber.tags %}\n")

    page = client.get("/issues/swallow").text
    assert "Does not compile" in page
    assert "issues/swallow.md:11" in page
    assert 'class="marked"' in page
    assert "stale" in page
    assert "early" in client.get("/issues/swallow/frame").text


def test_an_issue_whose_front_matter_breaks_stays_at_its_address(client, folder):
    write(folder, ISSUE.replace("date:", "slug: spring\ndate:"))
    client.get("/issues/spring")
    write(folder, ISSUE.replace("date:", "slug: spring\ndate: ["))

    assert "Does not compile" in client.get("/issues/spring").text


def test_an_issue_that_never_compiled_shows_only_its_trouble(client, folder):
    write(folder, "---\ntitle: New\n---\n{% if subscriber.tags %}\n", "new")

    page = client.get("/issues/new")
    assert page.status_code == 200
    assert "<iframe" not in page.text
    assert client.get("/issues/new/frame").status_code == 404


def test_a_mended_issue_is_good_again(client, folder):
    write(folder, ISSUE + "\n{% if subscriber.tags %}\n")
    client.get("/issues/swallow")
    write(folder, ISSUE.replace("early", "late"))

    assert "Does not compile" not in client.get("/issues/swallow").text
    assert "late" in client.get("/issues/swallow/frame").text


def test_a_change_of_the_settings_is_seen(client, folder):
    client.get("/issues/swallow")
    path = folder / "newsletter.toml"
    path.write_text(SETTINGS.replace("Field Notes", "Ridge Notes"), encoding="utf-8")

    assert "Ridge Notes" in client.get("/issues/swallow/frame").text


def test_broken_settings_are_told_and_the_last_good_version_stays(client, folder):
    client.get("/issues/swallow")
    path = folder / "newsletter.toml"
    path.write_text(SETTINGS.replace("name =", "nmae ="), encoding="utf-8")

    page = client.get("/issues/swallow").text
    assert "Does not compile" in page
    assert "newsletter.toml" in page
    assert "early" in client.get("/issues/swallow/frame").text


def test_what_the_checks_find_is_shown_with_its_line(client, folder):
    write(folder, ISSUE + "\nSee [here](http://localhost:3000/).\n")
    page = client.get("/issues/swallow").text

    assert "reachable from your machine only" in page
    assert "line 11" in page


def test_a_frame_can_be_framed_by_the_studio_only_and_run_nothing(client):
    policy = client.get("/issues/swallow/frame").headers["content-security-policy"]

    assert "script-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy + client.get("/issues/swallow").text
    assert (
        "img-src 'none'" in client.get("/issues/swallow/frame?images=off").headers["content-security-policy"]
    )


def test_the_studio_is_for_this_machine_only(client):
    for host in ("news.example.com", "192.0.2.1:8025"):
        assert client.get("/", headers={"host": host}).status_code == 403


def test_the_studio_itself_can_be_framed_by_nobody(client):
    for path in ("/", "/issues/swallow"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


def test_what_an_issue_says_is_text_in_the_studio(client, folder):
    hostile = "<script>alert(1)</script>"
    write(folder, ISSUE.replace("title: The first swallow", f"title: '{hostile}'"))

    for path in ("/", "/issues/swallow", "/issues/swallow?view=text", "/issues/swallow?view=headers"):
        assert hostile not in client.get(path).text


def test_a_subscriber_for_whom_no_message_can_be_made_is_explained(client, store):
    """An address that needs SMTPUTF8 (RFC 6531)."""
    store.add("jörg@example.com")
    look = f"?as={public_id(store, 'jörg@example.com')}"

    for path in (
        f"/issues/swallow{look}",
        f"/issues/swallow/frame{look}",
        f"/issues/swallow/message.eml{look}",
    ):
        answer = client.get(path)
        assert answer.status_code == 422
        assert "SMTPUTF8" in answer.text
        assert "?as=example" in answer.text
    assert client.get("/").status_code == 200
