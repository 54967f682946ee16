"""The studio's list of issues: what was found, what was dispatched, and that it stays quick."""

from __future__ import annotations

import os

import pytest
from fakes.dispatching import fill, plan, run
from fakes.providers import ScriptedProvider
from sqlalchemy import event
from webclient import WebClient

from newsletter.config import load_publication
from newsletter.studio import create_studio, desk
from newsletter.studio import findings as memory

SETTINGS = """
[publication]
name = "N"
from = "N <n@example.com>"
url = "https://n.example.com"
postal_address = "1 Street"
time_zone = "Europe/Berlin"
"""
ISSUE = """---
title: The {name}
slug: {name}
preheader: What this issue says in one line, long enough for an inbox.
---

A text with [a link that says where]({link}).
"""


def write(folder, name="issue", link="https://a.example/there"):
    path = folder / "issues" / f"{name}.md"
    path.write_text(ISSUE.format(name=name, link=link), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "issues").mkdir()
    write(tmp_path)
    return tmp_path


def client(folder, engine=None):
    return WebClient(create_studio(load_publication(folder), engine))


def test_findings_are_asked_for_once_and_then_in_the_list(folder):
    """The list itself never waits for the checks."""
    write(folder, link="#")
    studio = client(folder)
    first = studio.get("/").text
    told = studio.get("/issues/issue/findings").text
    again = studio.get("/").text

    assert 'data-findings="/issues/issue/findings"' in first
    assert '<noscript><a href="/issues/issue#found">look for them' in first
    assert '<span class="chip error">1 error</span>' in told
    assert "data-findings" not in again
    assert '<span class="chip error">1 error</span>' in again


def test_findings_are_remembered_by_content(folder, monkeypatch):
    """A file that was only touched, or says again what it said before, is not checked again."""
    path, studio, asked = folder / "issues" / "issue.md", client(folder), []
    check = memory.check_subject

    def counted(subject):
        asked.append(subject.issue.slug)
        return check(subject)

    monkeypatch.setattr(memory, "check_subject", counted)
    for tick, link in enumerate(("https://a.example/there", "#", "https://a.example/there", "#")):
        os.utime(write(folder, link=link), ns=(tick, tick * 10**9))
        found = "1 error" in studio.get("/issues/issue/findings").text
        assert found is (link == "#")
    os.utime(path, ns=(1, 99 * 10**9))
    assert "1 error" in studio.get("/").text

    assert len(asked) == 2


def test_settings_of_the_checks_that_are_wrong_are_told_in_their_place(folder):
    """The list goes on, and the page of the issue says what is wrong."""
    with (folder / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write('[checks]\nignore = ["lnik-http"]\n')
    studio = client(folder)

    assert studio.get("/").status_code == 200
    assert "there is no rule <code>lnik-http</code>" in studio.get("/issues/issue/findings").text
    page = studio.get("/issues/issue")
    assert page.status_code == 422
    assert "There is no rule <code>lnik-http</code>" in page.text
    assert "This cannot be shown as things are" in page.text


def test_an_issue_that_was_dispatched_says_when_and_to_how_many(folder, engine):
    """By the time zone of the publication; one that was not says nothing."""
    write(folder, "other")
    fill(engine, 1_234)
    plan(engine, ScriptedProvider())
    before = client(folder, engine).get("/").text
    run(engine, ScriptedProvider())
    after = " ".join(client(folder, engine).get("/").text.split())

    assert ">Dispatch planned<" in before or ">Dispatch running<" in before
    assert '<a href="/reports/issue-1">Dispatched<span class="unseen"> as issue-1</span></a>' in after
    assert "to 1,234</span>" in after
    assert after.count('class="sent"') == 1


def test_the_latest_of_several_dispatches_is_told(folder, engine):
    fill(engine, 2)
    for number in (1, 2, 3):
        plan(engine, ScriptedProvider(), again=True)
        run(engine, ScriptedProvider(), f"issue-{number}")
    page = client(folder, engine).get("/").text

    assert '<a href="/reports/issue-3">Dispatched<span class="unseen"> as issue-3</span></a>' in page
    assert "to 2, and 2 times before</span>" in page


def test_the_list_asks_the_ledger_once_for_all_issues(folder, engine):
    """However many there are, and never for single deliveries."""
    for number in range(30):
        write(folder, f"issue-{number}")
    studio, asked = client(folder, engine), []
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    assert studio.get("/").status_code == 200

    assert len([query for query in asked if "dispatch" in query.lower()]) == 1
    assert not [query for query in asked if "delivery" in query.lower()]


def test_two_frames_of_one_look_are_made_once(folder, monkeypatch):
    """Phone and desktop show the same document; another change, reader or mode makes another."""
    made, studio = [], client(folder)
    frame = desk.frame
    monkeypatch.setattr(desk, "frame", lambda html, mode: made.append(mode) or frame(html, mode))
    first, second = (studio.get(f"/issues/issue/frame?v={v}").text for v in (1, 2))
    dark = studio.get("/issues/issue/frame?mode=dark").text
    os.utime(write(folder, link="https://b.example/"), ns=(1, 99 * 10**9))
    changed = studio.get("/issues/issue/frame?v=3").text
    other = studio.get("/issues/issue/frame?as=emoji").text

    assert first == second
    assert len({first, dark, changed}) == 3
    assert "https://b.example/" in changed
    assert other.count("https://b.example/") == changed.count("https://b.example/")
    assert len(made) == 4
