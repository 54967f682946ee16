"""How open pages learn that a file changed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from queue import Empty, Queue

import pytest

from newsletter.config import load_publication
from newsletter.studio.watch import Watch
from newsletter.studio.workbench import Workbench

SETTINGS = '[publication]\nname = "N"\nfrom = "n@example.com"\n'
HELLO = "retry: 1000\nevent: hello\ndata:\n\n"
CHANGE = "event: change\ndata:\n\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


def heard(folder, *changes):
    """What a page hears that listens while *changes* are made, each when the last was heard."""

    async def listen():
        watch = Watch(load_publication(folder))
        async with watch.running():
            events = watch.events()
            said = [await anext(events)]
            for change in changes:
                said.append(await until_heard(events, change))
            watch.stop()
            return said

    return asyncio.run(listen())


async def until_heard(events, change):
    """The operating system may begin to watch a moment later than it was asked to: so change it again."""
    hearing = asyncio.ensure_future(anext(events))
    while not hearing.done():
        change()
        await asyncio.wait({hearing}, timeout=1)
    return hearing.result()


def save(path, text="text"):
    def change():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return change


def test_a_page_is_greeted(folder):
    assert heard(folder) == [HELLO]


@pytest.mark.parametrize(
    "name", ["issues/a.md", "issues/chart.png", "themes/digest/theme.toml", "newsletter.toml"]
)
def test_a_page_hears_that_an_issue_a_theme_or_the_settings_changed(folder, name):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)

    assert heard(folder, save(folder / name, SETTINGS)) == [HELLO, CHANGE]


def test_a_page_hears_of_a_file_that_an_editor_put_in_place_of_another(folder):
    """Many editors write a new file and rename it."""
    (folder / "issues").mkdir()

    def replace():
        (folder / "new").write_text("text", encoding="utf-8")
        (folder / "new").replace(folder / "issues" / "a.md")

    assert heard(folder, replace, replace) == [HELLO, CHANGE, CHANGE]


def test_folders_that_come_later_are_watched_too(folder):
    issues = folder / "issues"

    def come():
        if issues.is_dir():
            issues.rmdir()
        issues.mkdir()

    assert heard(folder, come, save(issues / "a.md")) == [HELLO, CHANGE, CHANGE]


def test_a_database_an_outbox_and_a_repository_are_nobodys_business(folder):
    watch = Watch(load_publication(folder))

    for name in ("newsletter.db", "newsletter.db-wal", "outbox", ".git"):
        assert not watch.concerns(str(folder / name))
    for name in ("newsletter.toml", "issues", "themes"):
        assert watch.concerns(str(folder / name))


def test_a_stream_ends_when_the_studio_stops(folder):
    async def listen():
        watch = Watch(load_publication(folder))
        async with watch.running():
            events = watch.events()
            await anext(events)
            watch.stop()
            return [event async for event in events]

    assert asyncio.run(listen()) == []


def test_who_no_longer_listens_is_forgotten(folder):
    async def listen():
        watch = Watch(load_publication(folder))
        events = watch.events()
        await anext(events)
        await events.aclose()
        return len(watch.listeners)

    assert asyncio.run(listen()) == 0


def test_what_is_looked_at_is_compiled_before_the_page_asks(folder):
    """As soon as its file changed, while somebody listens; what goes wrong there does not end the watch."""
    issue = folder / "issues" / "one.md"
    save(issue, "---\ntitle: One\n---\n\nBefore.\n")()
    workbench = Workbench(load_publication(folder), lambda: None)
    workbench.find("one")
    drafts = Queue()

    def ahead():
        drafts.put(workbench.again())
        raise ZeroDivisionError

    async def listen():
        watch = Watch(load_publication(folder), ahead)
        async with watch.running():
            events = watch.events()
            await anext(events)
            for text in ("After a change.", "After another."):
                seen = ""
                while text not in seen:
                    save(issue, f"---\ntitle: One\n---\n\n{text}\n")()
                    with suppress(Empty):  # the operating system may begin to watch a moment later
                        seen = (await asyncio.to_thread(drafts.get, timeout=1)).pressed.edition.html

    asyncio.run(listen())
