"""The table of MJML's components, read from ``components.toml``."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = r"(?:\d+(?:\.\d+)?|\.\d+)"
#: Legal on every component.
_EVERYWHERE = ("css-class", "mj-class")


@dataclass(frozen=True)
class Form:
    """What the value of an attribute must look like, as a pattern and in words."""

    pattern: re.Pattern[str]
    says: str
    choices: tuple[str, ...] = ()

    def accepts(self, value: str) -> bool:
        """Whether *value*, as it stands in the source, has this form."""
        return self.pattern.fullmatch(value) is not None


@dataclass(frozen=True)
class Component:
    """What the table says of one component; see the head of ``components.toml`` for the words."""

    holds: str
    children: frozenset[str]
    attributes: Mapping[str, Form]
    required: tuple[str, ...]
    ignored: frozenset[str]
    open: bool

    def takes(self, child: str) -> bool:
        """Whether the component *child* may stand in this one."""
        return child in self.children or "*" in self.children


@cache
def components() -> Mapping[str, Component]:
    """Every component of MJML, by its name."""
    source = (files("newsletter.editions") / "components.toml").read_text(encoding="utf-8")
    table = tomllib.loads(source)
    forms = {name: Form(_compiled(kind["form"]), kind["says"]) for name, kind in table["types"].items()}
    names = "|".join(table["colors"].split())
    forms["color"] = Form(_compiled(f"{table['types']['color']['form']}|{names}"), forms["color"].says)
    return {name: _component(entry, table["sets"], forms) for name, entry in table["components"].items()}


@cache
def every_attribute() -> Mapping[str, tuple[Form, ...]]:
    """Every attribute of any component, with the forms that its value has in one or another."""
    found: dict[str, dict[Form, None]] = {}
    for component in components().values():
        for name, form in component.attributes.items():
            found.setdefault(name, {})[form] = None
    return {name: tuple(forms) for name, forms in found.items()}


def _component(entry: Mapping[str, Any], sets: Mapping[str, Any], forms: Mapping[str, Form]) -> Component:
    attributes = dict.fromkeys(_EVERYWHERE, forms["text"])
    for chosen in entry.get("sets", ()):
        for name, kind in sets[chosen].items():
            attributes[name] = forms[kind] if isinstance(kind, str) else _choice(kind)
    for kind, names in entry.get("types", {}).items():
        attributes |= dict.fromkeys(names, forms[kind])
    attributes |= {name: _choice(values) for name, values in entry.get("choices", {}).items()}
    return Component(
        holds=entry["holds"],
        children=frozenset(entry.get("children", ())),
        attributes=attributes,
        required=tuple(entry.get("required", ())),
        ignored=frozenset(entry.get("ignored", ())),
        open=entry.get("open", False),
    )


def _choice(values: list[str]) -> Form:
    says = "one of " + ", ".join(f"`{value}`" for value in values) if len(values) > 1 else f"`{values[0]}`"
    return Form(re.compile("|".join(map(re.escape, values))), says, tuple(values))


def _compiled(form: str) -> re.Pattern[str]:
    return re.compile(form.replace("NUMBER", _NUMBER))
