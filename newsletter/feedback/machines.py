"""People and machines told apart, as well as that can be done: the rules are data, in ``machines.toml``.

Nothing of a request is kept but the name of the rule that it met.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from subscribers import EventKind

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The rules that need more than one request to be seen: told by the moment.
TOO_SOON = "too-soon"
MANY_LINKS = "many-links"
ALL_LINKS = "all-links"


@dataclass(frozen=True)
class Asked:
    """What a request tells of who asks; header names in lower case. It is looked at and forgotten."""

    method: str
    headers: Mapping[str, str]

    @property
    def agent(self) -> str:
        """What the program says it is."""
        return self.headers.get("user-agent", "").strip()


@dataclass(frozen=True)
class Rule:
    """One way to know a machine; what is None does not matter."""

    name: str
    kinds: frozenset[EventKind]
    why: str
    source: str
    method: str | None = None
    header: tuple[str, str] | None = None
    agent: re.Pattern[str] | None = None
    whole: bool = False

    def fits(self, kind: EventKind, asked: Asked) -> bool:
        """Whether a request for *kind* is a machine's by this rule."""
        if kind not in self.kinds or (self.method is not None and asked.method != self.method):
            return False
        if self.header is not None:
            name, word = self.header
            return word in asked.headers.get(name, "").lower()
        if self.agent is not None:
            return bool((self.agent.fullmatch if self.whole else self.agent.search)(asked.agent))
        return self.method is not None


@dataclass(frozen=True)
class Timing:
    """What the moments of clicks tell, in seconds and numbers of links."""

    soon: float
    many: int
    many_within: float
    all_of: int
    all_within: float
    source: str


@cache
def rules() -> tuple[Rule, ...]:
    """The rules, in their order."""
    return tuple(_rule(each) for each in _data()["rule"])


@cache
def timing() -> Timing:
    """The rules of moments."""
    return Timing(**_data()["timing"])


def machine(kind: EventKind, asked: Asked) -> str:
    """The name of the first rule by which a request is a machine's; empty if it may be a person's."""
    return next((rule.name for rule in rules() if rule.fits(kind, asked)), "")


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("machines.toml").read_text(encoding="utf-8"))


def _rule(values: Mapping[str, Any]) -> Rule:
    agent, header = values.get("agent"), values.get("header")
    return Rule(
        name=values["name"],
        kinds=frozenset(EventKind(kind) for kind in values["kinds"]),
        why=values["why"],
        source=values["source"],
        method=values.get("method"),
        header=(header[0], header[1]) if header else None,
        agent=re.compile(agent, re.IGNORECASE) if agent is not None else None,
        whole=values.get("whole", False),
    )
