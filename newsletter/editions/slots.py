"""The slots of an edition in the making: merge tags checked, constants worked out, conditionals marked."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from newsletter.editions.cutting import Context, Value, scan
from newsletter.editions.edition import Slot
from newsletter.editions.expressions import (
    ExpressionError,
    Missing,
    check,
    compiled,
    evaluate,
    fold,
    is_constant,
)
from newsletter.editions.language import long_date
from newsletter.editions.merge import written
from newsletter.errors import IssueError, at, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from newsletter.config import PublicationSettings
    from newsletter.editions.plaintext import Control
    from newsletter.issues import Document, Issue, MergeTag

#: What is known of every subscriber, beside the attributes that a list may have.
STANDARD_FIELDS = (
    "email",
    "first_name",
    "last_name",
    "name",
    "locale",
    "time_zone",
    "tags",
    "topics",
    "joined",
)
#: The links that every message has.
LINKS = ("unsubscribe", "preferences", "web")


class Slots:
    """Collects the slots of one edition.

    Args:
        issue: whose merge tags they are.
        document: the issue's body, in which tokens stand for merge tags.
        publication: gives the values of ``publication``.
        language: in which dates are written.
        attributes: the names of custom attributes that subscribers have; None when they are not known.

    Raises:
        IssueError: a merge tag looks up something that is not known.
    """

    def __init__(
        self,
        issue: Issue,
        document: Document,
        publication: PublicationSettings,
        language: str,
        attributes: Collection[str] | None,
    ) -> None:
        own = _issue_values(issue, document, language)
        shared = _publication_values(publication)
        self._path = issue.path
        self._nonce = document.nonce
        self._language = language
        self._constants = {"issue": _present(own), "publication": _present(shared)}
        self._known = {
            "subscriber": _subscriber_hint(attributes),
            "links": _hint(LINKS),
            "issue": _hint(own),
            "publication": _hint(shared),
        }
        self._tags = {tag.token: tag for tag in document.tags}
        self._order = {token: number for number, token in enumerate(self._tags)}
        #: What expressions of the issue are with constants written out; many tags may say the same.
        self._checked: dict[str, str] = {}
        self._slots = {tag.token: self._slot(tag) for tag in document.tags}
        ending: set[str] = set()
        for token in self._slots:
            self._check_end(token, (), ending)
        self._controls: dict[str, Control] = {}
        self._made: dict[str, Slot] = {}
        self._same = {token: slot for token, slot in self._slots.items() if is_constant(slot.expression)}

    def control(self, kind: Control, tag: MergeTag | None) -> str:
        """The token that marks a place in a conditional; *tag* is the condition of ``if`` and ``elif``."""
        token = tag.token if tag else f"LP{self._nonce}c{int(kind == 'endif')}z"
        self._controls[token] = kind
        return token

    def merge(self, expression: str) -> str:
        """The token of a slot that the theme makes, the same for the same expression.

        Raises:
            ExpressionError: it is none, or looks up something unknown.
        """
        if expression not in self._made:
            check(expression, self._known)
            token = f"LP{self._nonce}t{len(self._made)}z"
            slot = Slot(token, "value", self._folded(expression), f"{{{{ {expression} }}}}")
            self._made[expression] = slot
            if is_constant(slot.expression):
                self._same[token] = slot
        return self._made[expression].token

    def settle(self, text: str, context: Context) -> str:
        """*text* with the merge tags that are the same for everybody replaced by their values.

        A value may have such merge tags in it again: a subject that names the title, which names the issue.

        Raises:
            IssueError: such a merge tag has no value.
        """
        constants = {token: slot for token, slot in self._same.items() if token not in self._controls}
        parts = scan(text, constants, context)
        while any(isinstance(part, Value) for part in parts):
            text = "".join(self._settled(part) if isinstance(part, Value) else str(part) for part in parts)
            parts = scan(text, constants, context)
        return text

    def used(self, *texts: str) -> tuple[Slot, ...]:
        """The slots whose tokens occur in *texts*: the issue's in their order, then the theme's."""
        controls = [self._control_slot(token, kind) for token, kind in sorted(self._controls.items())]
        found = {token for text in texts for token in self._tokens(text)}
        return tuple(slot for slot in (*self._values(), *controls) if slot.token in found)

    def _slot(self, tag: MergeTag) -> Slot:
        if tag.expression not in self._checked:
            try:
                check(tag.expression, self._known)
                self._checked[tag.expression] = self._folded(tag.expression)
            except ExpressionError as error:
                raise IssueError(error.what, where=self._where(tag), hint=error.hint) from error
        return Slot(tag.token, "value", self._checked[tag.expression], tag.source, tag.line)

    def _folded(self, expression: str) -> str:
        """*expression* with constants written out; a title with merge tags in it is one only as it stands."""
        folded = fold(expression, self._constants)
        inner = self._within(folded)
        if inner and not (is_constant(folded) and set(inner) <= set(self._within(str(_constant(folded))))):
            raise ExpressionError(
                f"`{expression}` is made of a text that has merge tags itself",
                hint="put such a text in as it is: `{{ issue.title }}`, without filters and conditions",
            )
        return folded

    def _tokens(self, text: str) -> list[str]:
        """The tokens in *text*, whatever they stand for."""
        return re.findall(rf"LP{self._nonce}[a-z][0-9]+z", text)

    def _within(self, text: str) -> list[str]:
        """The tokens of the issue's merge tags that *text* has in it, in their order."""
        return sorted({*self._tokens(text)} & self._tags.keys(), key=self._order.__getitem__)

    def _check_end(self, token: str, within: tuple[str, ...], ending: set[str]) -> None:
        """Refuse a merge tag whose value has itself in it: it would never be worked out.

        Those in *ending* were looked at before.
        """
        if token in within:
            tag = self._tags[token]
            raise IssueError(
                f"`{tag.source}` stands for a text that it is part of",
                where=self._where(tag),
                hint="write out what is meant",
            )
        if token not in ending:
            for inner in self._within(self._slots[token].expression):
                self._check_end(inner, (*within, token), ending)
            ending.add(token)

    def _control_slot(self, token: str, kind: Control) -> Slot:
        if token in self._slots:
            return replace(self._slots[token], kind=kind)
        return Slot(token, kind, "", f"{{% {kind} %}}")

    def _values(self) -> list[Slot]:
        own = [slot for token, slot in self._slots.items() if token not in self._controls]
        return [*own, *self._made.values()]

    def _settled(self, place: Value) -> str:
        slot = self._slots.get(place.token) or next(s for s in self._made.values() if s.token == place.token)
        value = _constant(slot.expression)
        if value is None or isinstance(value, Missing):
            where = self._where(self._tags[slot.token]) if slot.token in self._tags else ""
            raise IssueError(
                f"`{slot.source}` has no value", where=where, hint="set it, or give it a default"
            )
        return place.context.write(written(value, self._language))

    def _where(self, tag: MergeTag) -> str:
        return at(self._path, tag.line, tag.column)


def _constant(expression: str) -> object:
    """What an expression is for everybody; a `Missing` if it has no value."""
    return evaluate(compiled(expression), issue={}, publication={})


def _present(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None and value != ""}


def _issue_values(issue: Issue, document: Document, language: str) -> dict[str, object]:
    return {
        **issue.extra,
        "title": document.title,
        "subject": document.subject,
        "preheader": document.preheader,
        "slug": issue.slug,
        "date": long_date(issue.date, language) if issue.date else None,
        "authors": list(issue.authors),
        "language": language,
    }


def _publication_values(publication: PublicationSettings) -> dict[str, object]:
    return {
        "name": publication.name,
        "url": publication.url,
        "postal_address": publication.postal_address,
        "language": publication.language,
        "sender": publication.sender,
        "reply_to": publication.reply_to,
    }


def _hint(known: Collection[str]) -> Callable[[str], str | None]:
    return lambda name: None if name in known else did_you_mean(name, known)


def _subscriber_hint(attributes: Collection[str] | None) -> Callable[[str], str | None]:
    """What to say of a field of ``subscriber``; if the list is unknown, only of one that is nearly known."""
    if attributes is not None:
        known = _hint({*STANDARD_FIELDS, *attributes})

        def told(name: str) -> str | None:
            hint = known(name)
            declaring = "; declare what nobody has yet by `[subscribers] attributes` in newsletter.toml"
            return f"{hint}{declaring}" if hint and hint.startswith("known") else hint

        return told

    def near(name: str) -> str | None:
        found = get_close_matches(name, STANDARD_FIELDS, n=1, cutoff=0.8)
        return None if name in STANDARD_FIELDS or not found else f"did you mean `{found[0]}`?"

    return near
