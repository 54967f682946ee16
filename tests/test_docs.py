"""What the README and the docs say is what the program does."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from newsletter import migrations
from newsletter.cli import newsletter
from newsletter.feedback import machines
from newsletter.providers import codes
from newsletter.providers.sendgrid_answers import table
from subscribers import SubscriberStore, open_engine
from subscribers.segments import FIELD_NAMES
from subscribers.segments.terms import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
_spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
assert _spec is not None
assert _spec.loader is not None
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)

COMMANDS = list(generate.walk(newsletter, ("newsletter",)))
SEGMENTS = (ROOT / "docs" / "segments.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_has_help_with_an_example(path: tuple[str, ...], command: click.Command) -> None:
    """``--help`` says what the command does and shows one way to call it; the option texts are not empty."""
    text = command.help or ""

    assert len(text.splitlines()[0]) > 20
    assert re.search(r"Examples?:\n\s+\S*.*newsletter", text)
    assert [p.name for p in command.params if isinstance(p, click.Option) and not p.help] == []


@pytest.mark.parametrize("name", generate.PAGES)
def test_generated_pages_are_current(name: str) -> None:
    """`make docs` was run after the last change."""
    made = generate.PAGES[name]()
    expected = made if name == "rules.md" else generate.with_contents(made)
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == expected


def test_the_table_of_answers_is_the_one_that_is_used() -> None:
    """docs/sendgrid.md shows the rules as the provider has them."""
    assert f"\n{table()}\n" in (ROOT / "docs" / "sendgrid.md").read_text(encoding="utf-8")


def test_the_table_of_codes_is_the_one_that_is_used() -> None:
    """docs/feedback.md shows what a refusal says of an address as it is decided."""
    assert f"\n{codes.markdown()}\n" in (ROOT / "docs" / "feedback.md").read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    """The fenced shell blocks of a Markdown text that are marked to be run."""
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


def test_the_readme_commands_run(tmp_path: Path) -> None:
    """Each `newsletter` command of the README's tour exits with 0, one after the other, in a fresh folder."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
    }
    lines = [line for block in blocks(README) for line in block.replace("\\\n", " ").splitlines()]
    commands = [line for line in lines if line.startswith(("newsletter ", "cd "))]

    assert len(commands) >= 8
    script = "set -e\n" + "\n".join(line for line in commands if not is_server(line))
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


EXPRESSIONS = [
    expression.replace("\\|", "|") for expression in re.findall(r"^\| `(.+?)` \|", SEGMENTS, re.MULTILINE)
]


def test_every_example_of_a_segment_is_one(tmp_path: Path) -> None:
    """Each expression of the page on segments is understood, said in words, and answered."""
    engine = open_engine(f"sqlite:///{tmp_path}/list.db")
    migrations.upgrade(engine)
    store = SubscriberStore(engine)
    attributes = ["country", "score", "premium", "city", "company", "renewal"]
    for name in ("builders", "dach"):
        store.save_segment(name, '"x" in tags')

    assert len(EXPRESSIONS) >= 30
    for expression in EXPRESSIONS:
        segment = store.parse_segment(expression, attributes)
        assert segment.words()
        assert store.count(segment) == 0
    engine.dispose()


def test_every_part_of_the_language_is_documented() -> None:
    """What is known of functions, fields and tests is on the page."""
    for word in (*FUNCTIONS, *FIELD_NAMES, "startswith", "endswith", "defined", "none", "lower", "not in"):
        assert word in SEGMENTS, word


def test_the_commands_about_segments_run(tmp_path: Path) -> None:
    """Each command of the page exits with 0, one after the other, on a list that has the attribute."""
    (tmp_path / "newsletter.toml").write_text(
        '[publication]\nname = "N"\nfrom = "N <n@example.com>"\nurl = "https://n.example.com"\n'
        '[subscribers]\nattributes = ["country"]\n',
        encoding="utf-8",
    )
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
    }
    script = "set -e\n" + "\n".join(blocks(SEGMENTS))
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_the_commands_about_tracking_run(tmp_path: Path) -> None:
    """Each command of the page exits with 0, with the settings of the page, on a dispatch that was tracked."""
    page = (ROOT / "docs" / "tracking.md").read_text(encoding="utf-8")
    shutil.copytree(ROOT / "examples" / "ai-news-digest", tmp_path / "letter")
    toml = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert toml is not None
    with (tmp_path / "letter" / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{toml[1]}")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
    }
    consent, told = blocks(page)
    send = "newsletter send 2026-04-11 --where 'email == \"ann@example.com\"' --yes"
    script = "\n".join(["set -e", "newsletter subscribers add ann@example.com", consent, send, told])
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path / "letter",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "## Opens and clicks" in done.stdout


def test_the_move_to_postgresql_runs_as_it_is_documented(
    tmp_path: Path, new_postgres_url: Callable[[str], str]
) -> None:
    """From the publication of `newsletter init` with somebody on its list to an empty database."""
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "POSTGRES_URL": new_postgres_url("template1"),
    }
    script = [
        "set -e",
        "newsletter init letter && cd letter",
        'newsletter subscribers add ann@example.com --consent "asked for it"',
        "newsletter send welcome --all --yes",
        *blocks(page),
    ]
    done = subprocess.run(
        ["sh", "-c", "\n".join(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "ok    database: postgresql at" in done.stderr
    assert "welcome-1\tfinished" in done.stdout


def test_every_rule_about_machines_is_documented() -> None:
    """The page names each rule, and the limits of time are those that are used."""
    page = (ROOT / "docs" / "tracking.md").read_text(encoding="utf-8")
    for rule in (*(each.name for each in machines.rules()), "too-soon", "many-links", "all-links"):
        assert f"`{rule}`" in page, rule
    limits = machines.timing()
    assert f"within {limits.soon} seconds" in page
    assert f"on {limits.many} different links within {limits.many_within} seconds" in page
    assert f"within {limits.all_within} seconds, if there are {limits.all_of} or more" in page


def is_server(line: str) -> bool:
    """Whether a command runs until it is stopped; those have acceptance tests of their own."""
    words = shlex.split(line, comments=True)
    return "preview" in words or "serve" in words


def prose(text: str) -> str:
    """A Markdown text without its code, whose links are examples."""
    return re.sub(r"^```.*?^```|`[^`\n]+`", "", text, flags=re.DOTALL | re.MULTILINE)


def test_links_between_documents_lead_somewhere() -> None:
    """Each relative link of the README and the docs names a file of the repository."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    broken = [
        (page.name, target)
        for page in pages
        for target in re.findall(
            r"\]\((?!https?:|#|mailto:)([^)#\s]+)", prose(page.read_text(encoding="utf-8"))
        )
        if not (page.parent / target).exists()
    ]

    assert broken == []


def test_long_pages_begin_with_what_is_on_them() -> None:
    """`make docs` was run after a heading changed, and a page that grew long has a list of its sections."""
    stale = [
        page.name
        for page in (ROOT / "docs").glob("*.md")
        if page.name != "rules.md"
        and page.read_text("utf-8") != generate.with_contents(page.read_text("utf-8"))
    ]

    assert stale == []
    assert "On this page: [Words](#words)" in (ROOT / "docs" / "guarantees.md").read_text("utf-8")


def test_links_to_sections_lead_to_one() -> None:
    """Each link with a `#` names a heading of its page."""
    broken = []
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target, section in re.findall(
            r"\]\(((?!https?:)[^)#\s]*)#([^)\s]+)\)", prose(page.read_text("utf-8"))
        ):
            there = (page.parent / target if target else page).read_text("utf-8")
            if section not in {
                generate.anchor(title) for title in re.findall(r"^#+ (.+)$", there, re.MULTILINE)
            }:
                broken.append((page.name, target, section))

    assert broken == []


def test_the_readme_leads_to_every_page_once() -> None:
    """The list at the end of the README is the one index of the docs."""
    listed = re.findall(r"\(docs/(\w+\.md)\)", README.partition("## Read on")[2])

    assert sorted(listed) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))
