"""Finds what is wrong in MJML before it is compiled: the compiler drops or prints what it does not know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from newsletter.editions.components import components, every_attribute
from newsletter.editions.extras import is_selector
from newsletter.editions.scanning import Comment, MalformedError, Tag, Text, scan
from newsletter.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from newsletter.editions.components import Component, Form
    from newsletter.editions.scanning import Attribute, Token

#: Deeper documents are no newsletters; MRML overflows the stack and kills the process near 2,000 levels.
DEEPEST = 100

#: Text that is replaced or taken out before anybody sees it may stand between components: a slot's token.
_TOKENS = re.compile(r"(?:\s|LP[0-9a-f]{8}[a-z]\d+z)*")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")
#: Without these, nothing is known of the height that a fluid hero has.
_FLUID_NEEDS = ("background-width", "background-height")
_UNSUPPORTED = {
    "mj-include": "use `{% include %}` of Jinja",
}


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        offset: where, in characters from the beginning.
        what: one sentence without full stop.
        hint: how to mend it; may be empty.
        fatal: the document cannot be compiled at all; else it can, but not as it is meant.
    """

    offset: int
    what: str
    hint: str = ""
    fatal: bool = False


def examine(mjml: str) -> tuple[list[Token], list[Problem]]:
    """Read *mjml* and list what is wrong with it, in the order of the source.

    Finds what the validator of the reference implementation finds (unknown elements and attributes, values of
    the wrong form, children in the wrong parent), and what it lets pass: elements that are not closed, text
    and HTML between components, components in HTML, duplicate attributes, classes that are not defined, and
    what our compiler does not support.

    Returns:
        The tokens up to the first fatal problem, and the problems.
    """
    examiner = _Examiner()
    tokens: list[Token] = []
    try:
        for token in scan(mjml):
            tokens.append(token)
            examiner.take(token)
        examiner.finish(len(mjml))
    except MalformedError as error:
        examiner.problems.append(Problem(error.offset, error.what, error.hint, fatal=True))
    return tokens, sorted(examiner.problems)


class _Examiner:
    """Walks through the tokens of a document with the elements that are open."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._open: list[Tag] = []
        self._seen: set[str] = set()
        self._defined: set[str] = set()
        self._used: list[tuple[int, str]] = []

    def take(self, token: Token) -> None:
        """The next token.

        Raises:
            MalformedError: it makes the rest unreadable, or the compiler would die of it.
        """
        if isinstance(token, Text):
            self._text(token)
        elif isinstance(token, Comment):
            self._comment(token)
        elif token.closing:
            self._close(token)
        else:
            self._start(token)

    def finish(self, end: int) -> None:
        """The document ends at *end*.

        Raises:
            MalformedError: an element is not closed, or there is no document.
        """
        if self._open:
            raise _unclosed(self._open[-1])
        if "mjml" not in self._seen:
            raise MalformedError(0, "this is no MJML: there is no <mjml>", "begin with <mjml>")
        if "mj-body" not in self._seen:
            self._say(end, "there is no <mj-body>", "write <mj-body> … </mj-body> into <mjml>")
        for offset, name in self._used:
            if name not in self._defined:
                hint = did_you_mean(name, self._defined, otherwise="define it in <mj-attributes>")
                self._say(offset, f"there is no <mj-class> `{name}`", hint)

    def _say(self, offset: int, what: str, hint: str = "") -> None:
        self.problems.append(Problem(offset, what, hint))

    def _holds(self) -> str:
        """What the innermost open component holds; HTML may be open in it."""
        for tag in reversed(self._open):
            if tag.name in components():
                return components()[tag.name].holds
        return "components" if not self._open else "html"

    def _start(self, tag: Tag) -> None:
        if not self._open:
            self._root(tag)
        holds = self._holds()
        if self._open and holds != "components":
            self._within(tag, holds)
        elif tag.name in components():
            self._component(tag)
        elif self._open:
            self._unknown(tag)
        self._duplicates(tag)
        if not tag.empty:
            self._open.append(tag)
            if len(self._open) > DEEPEST:
                raise MalformedError(tag.offset, f"elements are nested more than {DEEPEST} deep", "")

    def _root(self, tag: Tag) -> None:
        if "mjml" in self._seen:
            raise MalformedError(tag.offset, "there is something after </mjml>", "take it out")
        if tag.name != "mjml":
            raise MalformedError(
                tag.offset, f"this is no MJML: it begins with <{tag.name}>", "begin with <mjml>"
            )

    def _within(self, tag: Tag, holds: str) -> None:
        """A tag in a component that holds something else than components."""
        parent = next(t.name for t in reversed(self._open) if t.name in components())
        if tag.name.lower().startswith("mj-") or tag.name == "mjml":
            self._say(tag.offset, f"<{tag.name}> cannot stand in <{parent}>", _belongs(tag.name))
        elif holds != "html":
            content = {"css": "CSS", "nothing": "nothing"}.get(holds, "text only")
            self._say(tag.offset, f"<{tag.name}> cannot stand in <{parent}>, which holds {content}")

    def _component(self, tag: Tag) -> None:
        if self._open and not self._fits(tag.name):
            self._say(tag.offset, f"<{tag.name}> cannot stand in <{self._open[-1].name}>", _belongs(tag.name))
        if tag.name in ("mj-head", "mj-body") and tag.name in self._seen:
            self._say(tag.offset, f"there is a second <{tag.name}>", "keep one")
        self._seen.add(tag.name)
        self._attributes(tag)

    def _fits(self, child: str) -> bool:
        parent = components().get(self._open[-1].name)
        return parent is None or parent.takes(child)

    def _unknown(self, tag: Tag) -> None:
        if tag.name in _UNSUPPORTED:
            self._say(tag.offset, f"<{tag.name}> is not supported", _UNSUPPORTED[tag.name])
        elif tag.name.lower().startswith("mj"):
            hint = did_you_mean(tag.name.lower(), components())
            self._say(tag.offset, f"<{tag.name}> is no component of MJML", hint)
        elif self._open[-1].name in components():
            self._say(
                tag.offset,
                f"<{tag.name}> cannot stand in <{self._open[-1].name}>, which holds components",
                "put HTML into <mj-text> or <mj-raw>",
            )

    def _attributes(self, tag: Tag) -> None:
        for problem in _judged(tag.source):
            self._say(tag.offset + problem.offset, problem.what, problem.hint)
        for attribute in tag.attributes:
            self._classes(tag.offset + attribute.offset, tag, attribute)

    def _classes(self, offset: int, tag: Tag, attribute: Attribute) -> None:
        names = (attribute.value or "").split()
        if tag.name == "mj-class" and attribute.name == "name":
            self._defined.update(names)
        elif attribute.name == "mj-class":
            self._used += [(offset, name) for name in names]

    def _duplicates(self, tag: Tag) -> None:
        names: set[str] = set()
        for attribute in tag.attributes:
            if attribute.name in names:
                self._say(tag.offset + attribute.offset, f"`{attribute.name}` is given twice", "keep one")
            names.add(attribute.name)

    def _close(self, tag: Tag) -> None:
        if self._open and self._open[-1].name.lower() == tag.name.lower():
            self._open.pop()
        elif tag.name.lower() in {opened.name.lower() for opened in self._open}:
            raise _unclosed(self._open[-1])
        else:
            hint = did_you_mean(tag.name, [opened.name for opened in self._open], otherwise="take it out")
            raise MalformedError(tag.offset, f"</{tag.name}> closes nothing", hint)

    def _text(self, text: Text) -> None:
        offset = text.offset + len(text.source) - len(text.source.lstrip())
        if not self._open:
            if text.source.strip("\ufeff \t\r\n"):
                raise MalformedError(offset, "there is text outside of <mjml>", "take it out")
            return
        parent = components().get(self._open[-1].name)
        if parent is not None and parent.holds == "css" and "<" in text.source:
            place = text.offset + text.source.index("<")
            raise MalformedError(place, "CSS for mails has no `<`", "write `max-width:` or `min-width:`")
        if parent is None or parent.holds not in ("components", "nothing"):
            return
        if not text.source.strip() or (parent.takes("mj-raw") and _TOKENS.fullmatch(text.source)):
            return
        self._say(
            offset,
            f"text cannot stand in <{self._open[-1].name}>",
            "put it into a component such as <mj-text>",
        )

    def _comment(self, comment: Comment) -> None:
        if comment.inside:
            _check_depth(comment.inside)
        if not self._open:
            return
        parent = components().get(self._open[-1].name)
        if parent is None or parent.holds == "html":
            return
        if comment.condition:
            self._say(
                comment.offset,
                f"a conditional comment cannot stand in <{self._open[-1].name}>",
                "put it into <mj-raw>",
            )
        elif not parent.takes("mj-raw"):
            hint = "write it as a comment of Jinja: `{# … #}`"
            self._say(comment.offset, f"a comment cannot stand in <{self._open[-1].name}>", hint)


@lru_cache(maxsize=4096)
def _judged(source: str) -> tuple[Problem, ...]:
    """What is wrong with the attributes of a component's tag; a theme writes the same again and again."""
    (tag,) = scan(source)
    return tuple(_faults(tag)) if isinstance(tag, Tag) else ()


def _faults(tag: Tag) -> Iterator[Problem]:
    component = components()[tag.name]
    known = _forms(component)
    for attribute in tag.attributes:
        if attribute.name not in known:
            hint = did_you_mean(attribute.name, known)
            yield Problem(attribute.offset, f"`{attribute.name}` is no attribute of <{tag.name}>", hint)
        elif attribute.name in component.ignored:
            what = f"`{attribute.name}` of <{tag.name}> is not supported"
            yield Problem(attribute.offset, what, "take it out; it would have no effect")
        elif not any(form.accepts(attribute.value or "") for form in known[attribute.name]):
            yield _misfit(attribute, known[attribute.name])
    given = {attribute.name: attribute.value or "" for attribute in tag.attributes}
    needed = _FLUID_NEEDS if given.get("mode") == "fluid-height" else component.required
    missing = [name for name in needed if name not in given]
    if missing:
        yield Problem(0, f"<{tag.name}> has no `{missing[0]}`", f'add `{missing[0]}="…"`')
    if tag.name == "mj-selector" and not is_selector(given.get("path", "p")):
        yield Problem(0, f"`{_short(given['path'])}` selects nothing", "write a selector such as `.class a`")
    if tag.name == "mj-html-attribute" and not _NAME.fullmatch(given.get("name", "x")):
        yield Problem(
            0, f"`{_short(given['name'])}` is no name of an attribute", "write one such as `data-x`"
        )


def _misfit(attribute: Attribute, forms: tuple[Form, ...]) -> Problem:
    value = attribute.value or ""
    says = " or ".join(form.says for form in forms)
    hint = did_you_mean(value, forms[0].choices, otherwise=f"write {says}")
    return Problem(attribute.offset, f"`{attribute.name}` cannot be `{_short(value)}`", hint)


def _forms(component: Component) -> Mapping[str, tuple[Form, ...]]:
    """The attributes of *component*, each with the forms that its value may have."""
    own = {name: (form,) for name, form in component.attributes.items()}
    return {**every_attribute(), **own} if component.open else own


def _short(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:39]}…"


def _check_depth(tokens: Iterable[Token]) -> None:
    """Refuse what is too deep in a conditional comment; there, elements need not be balanced."""
    depth = 0
    for token in tokens:
        if isinstance(token, Tag) and not token.empty:
            depth = max(depth - 1, 0) if token.closing else depth + 1
            if depth > DEEPEST:
                raise MalformedError(token.offset, f"elements are nested more than {DEEPEST} deep", "")


def _unclosed(tag: Tag) -> MalformedError:
    return MalformedError(tag.offset, f"<{tag.name}> is not closed", f"add </{tag.name}> where it ends")


def _belongs(name: str) -> str:
    parents = sorted(parent for parent, entry in components().items() if name in entry.children)
    if not parents:
        return did_you_mean(name.lower(), components()) if name not in components() else ""
    return "it belongs into " + ", ".join(f"<{parent}>" for parent in parents)
