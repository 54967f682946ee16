"""A Digest, which is what pasted text says in parts, and how it is written as an issue file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

_WEB = re.compile(r"(https?://[^\s<>{}\"“”]*[^\s<>{}\"“”.,;:!?)\]'’…])")
#: What Markdown would not leave as text: escapes, code, emphasis, HTML, strikethrough, entities, brackets
#: that are no citation, and merge tags.
_MARKUP = re.compile(
    r"[\\`*<]"
    r"|(?<![^\W_])_|_(?![^\W_])"
    r"|~(?=~)|(?<=~)~"
    r"|&(?=#?\w+;)"
    r"|\[(?!\d{1,4}(?:\s*,\s*\d{1,4})*\](?!\(|\[(?!\d{1,4}(?:\s*,\s*\d{1,4})*\])))"
    r"|\{(?=[{%])"
)
_LINE_START = re.compile(
    r"(?P<mark>#{1,6}(?=\s|$)|[-+](?=\s|$)|>|={1,}$|-{2,}|\+{3,})|(?P<number>\d{1,9})(?=[.)](?:\s|$))"
)
_CLOSING_HASHES = re.compile(r"(?<=\s)(#+)$")


@dataclass(frozen=True)
class Passage:
    """A part of running text: its lines are one but for lists.

    The label of a callout is what it is called, that of a quotation whom it is attributed to. ``start`` is
    the first number of a numbered list.
    """

    kind: Literal["paragraph", "quote", "callout", "bullets", "numbers"]
    lines: tuple[str, ...]
    line: int
    label: str = ""
    start: int = 1

    @property
    def text(self) -> str:
        """All of it on one line."""
        return " ".join(self.lines)


@dataclass(frozen=True)
class DigestStory:
    """A story: its title and what it says."""

    title: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True)
class DigestSection:
    """A section; the stories before the first section's title stand in one whose title is empty."""

    title: str
    intro: tuple[Passage, ...]
    stories: tuple[DigestStory, ...]


@dataclass(frozen=True)
class Digest:
    """What pasted digest text says. ``notes`` tell what could not be placed for certain, and where."""

    title: str
    date: date | None
    publication: str
    authors: tuple[str, ...]
    deck: tuple[Passage, ...]
    sections: tuple[DigestSection, ...]
    sources_title: str
    sources: tuple[tuple[int, str], ...]
    notes: tuple[str, ...]


def to_markdown(digest: Digest) -> str:
    """*digest* as an issue file: YAML front matter and Markdown that reads as the text did.

    Characters that Markdown or the press would take for markup are escaped; bare web addresses become links.
    """
    blocks = "\n\n".join(_blocks(digest))
    return f"---\n{_front_matter(digest)}---\n\n{blocks}\n"


def escape(text: str, *, at_start: bool = True) -> str:
    """*text* as Markdown that reads the same.

    Args:
        text: one line.
        at_start: whether it begins a block, where more characters are markup.
    """
    pieces = _WEB.split(text)
    pieces[::2] = [_MARKUP.sub(r"\\\g<0>", piece) for piece in pieces[::2]]
    pieces[1::2] = [f"<{address}>" for address in pieces[1::2]]
    escaped = "".join(pieces)
    return (
        _LINE_START.sub(_escape_start, escaped, count=1)
        if at_start and _LINE_START.match(escaped)
        else escaped
    )


def _escape_start(match: re.Match[str]) -> str:
    return f"{match['number']}\\" if match["number"] else f"\\{match['mark']}"


def _front_matter(digest: Digest) -> str:
    values: dict[str, object] = {"title": digest.title.replace("{{", "\\{{")}
    if digest.date:
        values["date"] = digest.date
    if digest.authors:
        values["authors"] = list(digest.authors)
    if digest.publication:
        values["publication"] = digest.publication
    return dump_front_matter(values)


def dump_front_matter(values: dict[str, object]) -> str:
    """*values* as lines of YAML, in their order, texts quoted where they must be."""
    return yaml.safe_dump(values, allow_unicode=True, sort_keys=False, width=1_000_000)


def _blocks(digest: Digest) -> Iterator[str]:
    yield from map(_passage, digest.deck)
    for section in digest.sections:
        if section.title:
            yield _heading("##", section.title)
        yield from map(_passage, section.intro)
        for story in section.stories:
            # A heading level must not be skipped: without a section above it, a story is one.
            yield _heading("###" if section.title else "##", story.title)
            yield from map(_passage, story.passages)
    if digest.sources:
        yield _heading("##", digest.sources_title)
        yield "\n".join(f"{number}. {escape(text)}" for number, text in digest.sources)


def _heading(marks: str, text: str) -> str:
    return marks + " " + _CLOSING_HASHES.sub(r"\\\1", escape(text))


def _passage(passage: Passage) -> str:
    match passage.kind:
        case "quote":
            attribution = f"\n>\n> — {escape(passage.label, at_start=False)}" if passage.label else ""
            return f"> {escape(passage.text)}{attribution}"
        case "callout":
            return f"**{escape(passage.label)}:** {escape(passage.text, at_start=False)}".rstrip()
        case "bullets":
            return "\n".join(f"- {escape(line)}" for line in passage.lines)
        case "numbers":
            numbered = enumerate(passage.lines, start=passage.start)
            return "\n".join(f"{number}. {escape(line)}" for number, line in numbered)
    return escape(passage.text)
