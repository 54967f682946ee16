"""Front matter in its four styles: YAML (``---``), TOML (``+++``), Pelican's ``Key: value`` lines, none."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import yaml

from newsletter.errors import IssueError, at

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_OPENING = {"---": "yaml", "+++": "toml"}
_CLOSING = {"yaml": ("---", "..."), "toml": ("+++",)}
_PELICAN = re.compile(r"([A-Za-z][A-Za-z0-9_-]*):(?:[ \t]+(.*)|)")
_TOML_KEY = re.compile(r"""\s*\[?\s*(["']?)([\w-]+)\1\s*[\].=]""")
_TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)|\(at end of document\)")

#: How many values front matter may have, those counted anew that `*` repeats: a few lines of `&` and `*` can
#: stand for more than a machine has memory for.
_MOST_VALUES = 10_000

#: What PyYAML's constructors raise for scalars that look like a date or number and are none.
_BAD_SCALAR = (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError, RecursionError)


class _Loader(yaml.SafeLoader):
    r"""Reads ``"\ud83d\ude00"`` as JSON does (RFC 8259, section 7): as one character, not as two halves."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> str:
        text = str(super().construct_scalar(node))
        if text.isprintable():  # so it has no surrogates
            return text
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


@dataclass(frozen=True)
class FrontMatter:
    """What stands before the body: values, the line of each key, and where the body begins."""

    style: Literal["yaml", "toml", "pelican", "none"]
    body: str
    body_line: int
    values: dict[str, object] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def split_front_matter(text: str, path: Path | None, known: Collection[str]) -> FrontMatter:
    r"""Divide an issue into front matter and body.

    Args:
        text: the issue, its line ends ``\n``.
        path: the issue's file, for errors.
        known: keys of which one must occur for ``Key: value`` lines to be front matter and not prose.

    Raises:
        IssueError: the front matter is not closed, or is no YAML or TOML.
    """
    lines = text.split("\n")
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    opening = lines[first].rstrip()
    if opening not in _OPENING:
        return _pelican(lines, first, known) or FrontMatter("none", text, 1)
    style = _OPENING[opening]
    for end in range(first + 1, len(lines)):
        if lines[end].rstrip() in _CLOSING[style]:
            break
    else:
        raise IssueError(
            f"the front matter that `{opening}` opens is never closed",
            where=at(path, first + 1),
            hint=f"add a line `{opening}` after its last key; if a rule is meant, write `***`",
        )
    matter, start = "\n".join(lines[first + 1 : end]), first + 2
    body, body_line = "\n".join(lines[end + 1 :]), end + 2
    if style == "yaml":
        return FrontMatter("yaml", body, body_line, *_yaml(matter, start, path))
    return FrontMatter("toml", body, body_line, *_toml(matter, start, path))


def _yaml(text: str, start: int, path: Path | None) -> tuple[dict[str, object], dict[str, int]]:
    """The values of a YAML mapping and the lines of its keys; *start* is the line on which it begins."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        size = _size(root, {}) if root else 0
    except yaml.YAMLError as error:
        raise _yaml_error(error, start, path) from error
    except RecursionError as error:
        raise IssueError(
            "the front matter is nested too deeply", where=at(path, start), hint="flatten it"
        ) from error
    values: dict[str, object] = {}
    lines: dict[str, int] = {}
    if root is None:
        return values, lines
    if size > _MOST_VALUES:
        raise IssueError(
            f"the front matter has more than {_MOST_VALUES:,} values, those that `*` repeats counted anew",
            where=at(path, start),
            hint="write out what is meant, without `&` and `*`",
        )
    if not isinstance(root, yaml.MappingNode):
        raise IssueError(
            "the front matter is no `key: value` lines", where=at(path, start), hint="write `title: …`"
        )
    for key, node in root.value:
        line = start + key.start_mark.line
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
        if not name:
            raise IssueError(
                "a key of the front matter is no word", where=at(path, line), hint="write `key: value`"
            )
        if name in values:
            hint = f"keep one of the two; the first is on line {lines[name]}"
            raise IssueError(f"`{name}` is given twice", where=at(path, line), hint=hint)
        values[name], lines[name] = _construct(loader, node, name, line, path), line
    return values, lines


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values *node* stands for; *known* are the sizes of nodes by their ids."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = 0  # while it is counted: what has itself in it is refused when it is made
        parts = (
            (part for pair in node.value for part in pair)
            if isinstance(node, yaml.MappingNode)
            else node.value
        )
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def _construct(loader: yaml.SafeLoader, node: yaml.Node, name: str, line: int, path: Path | None) -> object:
    try:
        value: object = loader.construct_object(node, deep=True)
    except yaml.YAMLError as error:
        raise _yaml_error(error, line - node.start_mark.line, path) from error
    except _BAD_SCALAR as error:
        raise IssueError(
            f"`{name}` has a value that YAML cannot read: {_one_line(str(error))}",
            where=at(path, line),
            hint="write it as YYYY-MM-DD" if name == "date" else "put it in quotes if it is text",
        ) from error
    return value


def _yaml_error(error: yaml.YAMLError, start: int, path: Path | None) -> IssueError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    where = at(path, start + mark.line, mark.column + 1) if mark else at(path, start)
    return IssueError(
        f"the front matter is no YAML: {_one_line(str(problem))}",
        where=where,
        hint="put a value that has `: `, `#` or quotes in it in quotes",
    )


def _toml(text: str, start: int, path: Path | None) -> tuple[dict[str, object], dict[str, int]]:
    """The values of a TOML document and the lines of its keys; *start* is the line on which it begins."""
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        message = _one_line(str(error))
        place = _TOML_PLACE.search(message)
        offset = int(place[1]) - 1 if place and place[1] else text.count("\n")
        raise IssueError(
            f"the front matter is no TOML: {_TOML_PLACE.sub('', message).strip()}",
            where=at(path, start + offset, int(place[2]) if place and place[2] else None),
            hint='write `key = "value"`',
        ) from error
    lines: dict[str, int] = {}
    for offset, line in enumerate(text.split("\n")):
        match = _TOML_KEY.match(line)
        if match and match[2] in values:
            lines.setdefault(match[2], start + offset)
    return values, lines


def _pelican(lines: list[str], first: int, known: Collection[str]) -> FrontMatter | None:
    """``Key: value`` lines up to the first blank line, or None if these lines are prose.

    A line that begins with four spaces continues the value before it, as in Python-Markdown's Meta-Data.
    """
    values: dict[str, object] = {}
    places: dict[str, int] = {}
    key = ""
    end = first
    for end in range(first, len(lines) + 1):
        line = lines[end] if end < len(lines) else ""
        match = _PELICAN.fullmatch(line)
        if not line.strip():
            break
        if match and match[1].lower() not in values:
            key = match[1].lower()
            values[key], places[key] = (match[2] or "").strip(), end + 1
        elif key and line.startswith("    "):
            values[key] = f"{values[key]} {line.strip()}".strip()
        else:
            return None
    if not values.keys() & set(known):
        return None
    return FrontMatter("pelican", "\n".join(lines[end + 1 :]), end + 2, values, places)


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
