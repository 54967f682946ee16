r"""Merge tags: found before Markdown is read, carried through it as opaque tokens, checked after.

A merge tag is ``{{ expression }}`` on one line whose first name is one of `ROOTS`. Every other brace is
text, and so is a tag behind a backslash (``\{{``) or within code. Markdown would trip over the spaces and
quotes of an expression, in link targets above all; hence each tag becomes a token of ASCII letters and
digits, which Markdown, MJML and the inliner leave alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from newsletter.errors import IssueError, at, did_you_mean
from newsletter.issues.model import MergeTag

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: What an expression may speak of.
ROOTS = ("subscriber", "links", "issue", "publication")

_STRING = r'"(?:[^"\\\n]|\\.)*"|' + r"'(?:[^'\\\n]|\\.)*'"
#: The prefix are pairs of backslashes, each of which is one backslash of text and escapes nothing.
_TAG = re.compile(rf"(?<!\\)((?:\\\\)*+)(\{{\{{(?!\{{)((?:{_STRING}|[^\n\"'{{}}])*+)\}}\}})")
_STRINGS = re.compile(_STRING)
_NAME = re.compile(r"\b[^\W\d]\w*")
_WORDS = frozenset(
    {"not", "and", "or", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"}
)
_LONGEST = 500

#: What a condition may call, beside `ROOTS`; as in a segment.
_FUNCTIONS = ("days_ago",)

#: Not optimised: the optimiser would compute constants such as ``9 ** 9 ** 9`` while checking.
_ENVIRONMENT = Environment(optimized=False, autoescape=True)
# Jinja has no such tests; the language of segments, which is that of conditions, does.
_ENVIRONMENT.tests.update(startswith=str.startswith, endswith=str.endswith)


def is_rooted(expression: str) -> bool:
    """Whether the first name in *expression* is one of `ROOTS`, so that it is meant for the press."""
    for match in _NAME.finditer(_STRINGS.sub('""', expression)):
        if match[0] not in _WORDS:
            return match[0] in ROOTS
    return False


def blanked(text: str) -> str:
    """*text* with an ``x`` for each character of its merge tags, so that nothing in them counts."""
    return _TAG.sub(lambda match: "x" * len(match[0]), text)


def roots(expression: str) -> set[str]:
    """The names that *expression* speaks of.

    Raises:
        TemplateSyntaxError: it is no Jinja expression.
    """
    return {name.name for name in _parse(expression).find_all(nodes.Name)} - {*_FUNCTIONS}


def fields(expression: str, root: str = "subscriber") -> set[str]:
    """The attributes of *root* that *expression* asks for: ``subscriber.tags`` or ``subscriber["tags"]``.

    Raises:
        TemplateSyntaxError: it is no Jinja expression.
    """
    found = set()
    tree = _parse(expression)
    for dotted in tree.find_all(nodes.Getattr):
        if isinstance(dotted.node, nodes.Name) and dotted.node.name == root:
            found.add(dotted.attr)
    for item in tree.find_all(nodes.Getitem):
        key = item.arg.value if isinstance(item.arg, nodes.Const) else None
        if isinstance(item.node, nodes.Name) and item.node.name == root and isinstance(key, str):
            found.add(key)
    return found


def check_tag(tag: MergeTag, path: Path | None) -> None:
    """Make sure that the expression of *tag* can be compiled and speaks of `ROOTS` only.

    Raises:
        IssueError: at the line and column of the tag.
    """
    where = at(path, tag.line, tag.column)
    try:
        tree = _parse(tag.expression)
    except TemplateSyntaxError as error:
        reason = (error.message or "").rstrip(".")
        raise IssueError(
            f"`{tag.source}` is no expression: {reason}",
            where=where,
            hint="write it as in Jinja, or put `\\` before the brace if it is text",
        ) from error
    for name in tree.find_all(nodes.Name):
        if name.name not in (*ROOTS, *_FUNCTIONS):
            raise IssueError(
                f"`{tag.source}` speaks of `{name.name}`, which is not known",
                where=where,
                hint=did_you_mean(
                    name.name, ROOTS, otherwise="put a text in quotes; names begin with " + ", ".join(ROOTS)
                ),
            )
    for kind, known in ((nodes.Filter, _ENVIRONMENT.filters), (nodes.Test, _ENVIRONMENT.tests)):
        for node in tree.find_all(kind):
            if node.name not in known:
                what = "filter" if kind is nodes.Filter else "test"
                hint = did_you_mean(
                    node.name, known, otherwise="see the Jinja documentation for those it has"
                )
                raise IssueError(
                    f"`{tag.source}` uses the {what} `{node.name}`, which is not known",
                    where=where,
                    hint=hint,
                )


def check_tags(tags: Iterable[MergeTag], path: Path | None) -> None:
    """`check_tag` for all *tags*; what several of them say is looked at once.

    Raises:
        IssueError: at the line and column of the first that is wrong.
    """
    firsts: dict[str, MergeTag] = {}
    for tag in tags:
        firsts.setdefault(tag.expression, tag)
    for tag in firsts.values():
        check_tag(tag, path)


def _parse(expression: str) -> nodes.Node:
    """The syntax tree of *expression*, below one node so that ``find_all`` sees all of it."""
    if len(expression) > _LONGEST:
        raise TemplateSyntaxError(f"it is longer than {_LONGEST} characters", 1)
    parser = Parser(_ENVIRONMENT, expression, state="variable")
    try:
        tree = parser.parse_expression()
    except RecursionError as error:
        raise TemplateSyntaxError("it is nested too deeply", 1) from error
    except (ValueError, SyntaxError) as error:  # numbers and escapes that Python itself cannot read
        raise TemplateSyntaxError(str(error), 1) from error
    if not parser.stream.eos:
        raise TemplateSyntaxError(f"`{parser.stream.current.value}` is not expected here", 1)
    return nodes.Output([tree])


def make_nonce(text: str) -> str:
    """Eight hexadecimal digits that depend on *text* and with which no token occurs in it."""
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    while f"LP{digest[:8]}" in text:
        digest = sha256(digest.encode()).hexdigest()
    return digest[:8]


@dataclass
class TagMarker:
    """Puts tokens in place of the merge tags of one issue, and knows what each stands for."""

    nonce: str
    tags: list[MergeTag] = field(default_factory=list)

    def mark_field(self, text: str, line: int) -> str:
        """The value of a front matter key on *line*, with tokens in place of merge tags and without escapes.

        The tags get column 1, because a value does not know where in its line it stands.
        """
        first = len(self.tags)
        marked = self._mark_line(text, line)
        self.tags[first:] = [replace(tag, column=1) for tag in self.tags[first:]]
        return re.sub(r"\\(?=\{[{%])", "", marked)

    def mark(self, text: str, line: int) -> str:
        """*text*, which begins on *line* of the file, with tokens in place of its merge tags."""
        return "\n".join(
            self._mark_line(content, line + number) if "{{" in content else content
            for number, content in enumerate(text.split("\n"))
        )

    def add(self, expression: str, source: str, line: int, column: int) -> MergeTag:
        """A new tag with a token of its own."""
        tag = MergeTag(f"LP{self.nonce}m{len(self.tags)}z", expression, line, column, source)
        self.tags.append(tag)
        return tag

    def restore(self, text: str) -> str:
        """*text* with the sources of merge tags in place of their tokens."""
        return (
            self.pattern.sub(lambda match: self.tags[int(match[1])].source, text)
            if self.nonce in text
            else text
        )

    def tokens_in(self, text: str) -> list[MergeTag]:
        """The tags whose tokens stand in *text*."""
        return [self.tags[int(number)] for number in self.pattern.findall(text)] if self.nonce in text else []

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches a token; group 1 is its number."""
        return re.compile(rf"LP{self.nonce}m(\d+)z")

    def _mark_line(self, content: str, line: int) -> str:
        def mark(match: re.Match[str]) -> str:
            expression = match[3].removeprefix("-").removesuffix("-").strip()
            if not is_rooted(expression):
                return match[0]
            return match[1] + self.add(expression, match[2], line, match.start(2) + 1).token

        return _TAG.sub(mark, content)
