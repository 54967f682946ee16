"""The views of an issue beside the mail itself: inbox, readers, pairs, changes, weight, raw; and its static copy."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import unescape

import pytest
from fakes.providers import ScriptedProvider
from webclient import WebClient

from newsletter.checks import INBOXES
from newsletter.config import load_publication
from newsletter.delivery import Audience, plan_dispatch
from newsletter.editions import press
from newsletter.resources import builtin_templates
from newsletter.studio import create_studio
from newsletter.studio.audience import count_seen
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
preheader: One bird, seen on the ridge.
---
Good morning from {{ subscriber.town }}.

{% if "builders" in subscriber.tags %}

A nest to build.

{% elif subscriber.first_name == "Grace" %}

For Grace.

{% else %}

For all others.

{% endif %}

## On the ridge

It came early this year.
"""
CLOCK = 1_775_894_400.0


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "issues").mkdir()
    (tmp_path / "issues" / "swallow.md").write_text(ISSUE, encoding="utf-8")
    return tmp_path


def people(engine):
    store = SubscriberStore(engine)
    store.add("ada@example.com", first_name="Ada", attributes={"town": "London"}, tags=["builders"])
    store.add("grace@example.org", first_name="Grace", attributes={"town": "York"})
    store.add("linus@example.org", first_name="Linus", attributes={"town": "Oslo"})
    store.add("nobody@example.org")
    store.add("gone@example.org", first_name="Gone", attributes={"town": "Paris"})
    store.unsubscribe("gone@example.org", source="test")
    return store


def studio(folder, engine=None):
    return WebClient(create_studio(load_publication(folder), engine, clock=lambda: CLOCK))


@pytest.fixture
def client(folder, sqlite_engine):
    people(sqlite_engine)
    return studio(folder, sqlite_engine)


def test_who_sees_which_block_is_counted_as_a_dispatch_would(folder, engine):
    """On SQLite and PostgreSQL: who lacks a value or left is not among them."""
    people(engine)
    publication = load_publication(folder)
    seen = count_seen(engine, press(publication, folder / "issues" / "swallow.md"))

    assert (seen.total, seen.counted) == (4, 4)
    assert [(arm.condition, arm.line, arm.seen) for arm in seen.forks[0]] == [
        ('"builders" in subscriber.tags', 9, 1),
        ('subscriber.first_name == "Grace"', 13, 1),
        ("everybody else", 17, 1),
    ]
    assert dict(seen.skipped) == {"{{ subscriber.town }}": 1}


def test_a_branch_that_nobody_sees_is_told_beside_the_findings(folder, engine):
    """On SQLite and PostgreSQL; nobody is told of while there is nobody on the list."""
    path = folder / "issues" / "swallow.md"
    client = studio(folder, engine)
    assert client.get("/issues/swallow/unseen").text.strip() == ""
    people(engine)
    assert client.get("/issues/swallow/unseen").text.strip() == ""
    path.write_text(ISSUE.replace("Grace", "Hopper"), encoding="utf-8")

    told = unescape(client.get("/issues/swallow/unseen").text)
    assert told.count("nobody sees the branch") == 1
    assert 'subscriber.first_name == "Hopper"' in told
    assert "none of the 4 who would be mailed now" in told
    assert 'data-unseen="/issues/swallow/unseen?"' in client.get("/issues/swallow").text
    seen = count_seen(engine, press(load_publication(folder), path), until_all=True)
    assert [arm.line for arm in seen.unseen] == [13]


def test_without_a_list_no_branch_is_said_to_be_unseen(folder):
    client = studio(folder)
    assert client.get("/issues/swallow/unseen").text.strip() == ""
    assert "data-unseen" not in client.get("/issues/swallow").text


def test_who_sees_which_block_is_counted_in_any_saved_segment(folder, engine):
    store = people(engine)
    store.save_segment("builders", '"builders" in tags', ["town"])
    seen = count_seen(engine, press(load_publication(folder), folder / "issues" / "swallow.md"), "builders")

    assert (seen.total, [arm.seen for arm in seen.forks[0]]) == (1, [1, 0, 0])
    page = studio(folder, engine).get("/issues/swallow?view=readers&among=builders").text
    assert "1 of 1" in page
    assert '<option value="builders" selected>' in page


def test_the_page_tells_who_sees_what(client):
    page = client.get("/issues/swallow?view=readers").text

    assert "1 of 4" in page
    assert "A nest to build." in page
    assert "1 skipped" in page


def test_a_segment_that_is_none_is_told(client, folder):
    path = folder / "issues" / "swallow.md"
    path.write_text(ISSUE.replace("date:", "segment: nobody-knows\ndate:"), encoding="utf-8")

    page = client.get("/issues/swallow?view=readers").text
    assert "here is no such segment" in page or "here is no segment" in page


def test_the_worst_cases_are_shown_with_who_would_be_skipped(client):
    page = client.get("/issues/swallow?view=readers").text

    assert page.count('data-frame="case-') == 5
    assert "would be skipped" in page


def test_the_inbox_row_is_shown_as_six_programs_do(client):
    page = client.get("/issues/swallow?view=inbox&as=example").text

    for name in (
        "Gmail (web)",
        "Gmail (phone)",
        "Apple Mail (iPhone)",
        "Apple Mail (Mac)",
        "Outlook",
        "Yahoo Mail (web)",
    ):
        assert name in page
    assert page.count("Alex, the first swallow") >= 6
    assert page.count("One bird, seen on the ridge.") >= 6


@pytest.mark.parametrize("inbox", INBOXES, ids=lambda inbox: inbox.key)
def test_the_rows_are_as_wide_as_the_checks_say(inbox):
    """What the sheet of styles gives a row is its texts' room, its edges, and what stands beside them."""
    css = (builtin_templates() / "studio" / "studio.css").read_text(encoding="utf-8")
    row = int(re.search(rf"\.{inbox.key} \.row \{{[^}}]*\bwidth: (\d+)px", css)[1])
    edges, gap, face = 2 * (1 + 12), 16, 40
    room = {"line": inbox.sender + gap + inbox.line, "stack": inbox.room, "face": face + gap + inbox.room}
    size = re.search(rf"\.{inbox.key} \.row \{{[^}}]*font-size: (\d+)px", css)[1]

    assert (row, int(size)) == (edges + room[inbox.form], inbox.size)
    assert not inbox.sender or f".{inbox.key} .from {{ flex: 0 0 {inbox.sender}px; }}" in css


def test_without_a_preheader_the_inbox_shows_how_the_issue_begins(client, folder):
    path = folder / "issues" / "swallow.md"
    path.write_text(ISSUE.replace("preheader: One bird, seen on the ridge.\n", ""), encoding="utf-8")
    page = client.get("/issues/swallow?view=inbox&as=example").text

    assert page.count("Good morning from [no value].") >= 6


def test_two_readers_are_shown_side_by_side(client):
    page = client.get("/issues/swallow?view=pair&as=example&with=long-name").text
    sources = [unescape(source) for source in re.findall(r'<iframe[^>]*src="([^"]+)"', page)]

    assert ["as=example" in sources[0], "as=long-name" in sources[1]] == [True, True]


def test_the_raw_message_is_what_is_handed_over(client):
    page = unescape(client.get("/issues/swallow?view=raw&as=example").text)

    assert "Content-Type: multipart/alternative;" in page
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in page


def test_the_weight_is_told_by_section(client):
    page = client.get("/issues/swallow").text

    assert "Head and styles" in page
    assert 'data-line-link="23">On the ridge</a>' in page


@pytest.mark.parametrize("width", [320, 412, 1024])
def test_a_width_is_kept_in_the_address(client, width):
    assert f'data-logical="{width}"' in client.get(f"/issues/swallow?view=desktop&width={width}").text


@pytest.mark.parametrize("mode", ["light", "dark", "partly", "fully"])
def test_every_mode_has_its_frame_and_says_how_true_it_is(client, mode):
    assert client.get(f"/issues/swallow/frame?mode={mode}").status_code == 200
    page = client.get(f"/issues/swallow?mode={mode}").text
    assert ("approximation" in page.lower()) is (mode in ("partly", "fully"))


def test_elements_of_the_frame_bear_their_lines(client):
    assert re.search(r'data-line="25"[^>]*>It came early', client.get("/issues/swallow/frame?lines=on").text)
    assert "data-line" not in client.get("/issues/swallow/frame").text


# --- changes ------------------------------------------------------------------------------------


def older(folder):
    text = (
        ISSUE.replace("2026-04-11", "2026-03-01")
        .replace("title: The first", "title: The last")
        .replace("early", "late")
    )
    (folder / "issues" / "older.md").write_text(text, encoding="utf-8")


def test_changes_from_the_issue_before_are_told_by_word(client, folder):
    older(folder)
    page = client.get("/issues/swallow?view=changes&as=example").text

    assert "Issue: The last swallow" in page
    assert re.search(r"<del>late</del><ins>early</ins>", page)
    frame = unescape(re.search(r'src="([^"]*/earlier[^"]*)"', page)[1])
    assert "It came late" in client.get(frame).text


def test_changes_from_the_last_commit_are_told(client, folder):
    if shutil.which("git") is None:
        pytest.fail("git is not on this machine (Debian: apt-get install git)")
    git = ["git", "-C", str(folder), "-c", "user.name=T", "-c", "user.email=t@example.com"]
    for words in (["init", "-q"], ["add", "issues"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    (folder / "issues" / "swallow.md").write_text(ISSUE.replace("early", "late"), encoding="utf-8")
    page = client.get("/issues/swallow?view=changes&against=git").text

    assert "Last commit in Git" in page
    assert "<del>early</del><ins>late</ins>" in page


def test_changes_from_the_edition_that_was_sent_are_told(folder, engine):
    store = people(engine)
    publication = load_publication(folder)
    edition = press(publication, folder / "issues" / "swallow.md").edition
    plan_dispatch(
        engine, store, edition, Audience("everybody"), provider=ScriptedProvider(), sender="n@example.com"
    )
    (folder / "issues" / "swallow.md").write_text(ISSUE.replace("early", "late"), encoding="utf-8")
    page = studio(folder, engine).get("/issues/swallow?view=changes&as=example").text

    assert "As sent: swallow-1" in page
    assert "<del>early</del><ins>late</ins>" in page


def test_with_nothing_to_compare_the_page_says_so(folder):
    assert "nothing to compare with yet" in studio(folder).get("/issues/swallow?view=changes").text


@pytest.mark.parametrize("key", ["git", "issue:../newsletter", "dispatch:x", "\x00", "issue:"])
def test_only_versions_that_there_are_can_be_compared(client, folder, key):
    assert client.get("/issues/swallow/earlier", params={"against": key}).status_code == 404
    assert client.get("/issues/swallow", params={"view": "changes", "against": key}).status_code == 200


def test_a_version_that_does_not_compile_is_explained(client, folder):
    git = ["git", "-C", str(folder), "-c", "user.name=T", "-c", "user.email=t@example.com"]
    path = folder / "issues" / "swallow.md"
    path.write_text(ISSUE + "\n{% if subscriber.tags %}\n", encoding="utf-8")
    for words in (["init", "-q"], ["add", "issues"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    path.write_text(ISSUE, encoding="utf-8")

    page = client.get("/issues/swallow?view=changes&against=git")
    assert page.status_code == 200
    assert "never closed" in page.text


# --- the static copy -------------------------------------------------------------------------------


def test_the_static_copy_says_who_would_be_skipped(client, folder):
    assert "This reader would be skipped" in client.get("/issues/swallow/preview.html?as=example").text
    path = folder / "issues" / "swallow.md"
    path.write_text(ISSUE.replace("subscriber.town", "subscriber.first_name"), encoding="utf-8")

    assert "This reader would be skipped" not in client.get("/issues/swallow/preview.html?as=example").text


def test_the_static_copy_holds_every_mode_and_loads_nothing(client, folder):
    path = folder / "issues" / "swallow.md"
    path.write_text(ISSUE + "\n![A bird](https://img.example.org/b.png)\n", encoding="utf-8")
    answer = client.get("/issues/swallow/preview.html?as=example")
    page = answer.text

    assert answer.headers["content-disposition"] == 'attachment; filename="swallow-preview.html"'
    assert page.count("<iframe") == 10
    for word in ("Dark, part inverted", "Gmail (web)", "It came early this year.", "List-Unsubscribe"):
        assert word in page
    assert "<script" not in page
    assert "img.example.org" not in page.replace("&#34;", '"')
    assert not re.search(r"<(?:link|img|script)\b[^>]*(?:href|src)=", page)
