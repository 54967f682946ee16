"""Find and read a publication, and say in the words of its file what does not fit."""

from __future__ import annotations

import os
import re
import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from newsletter.config.publication import FILE_NAME, Publication
from newsletter.config.settings import Settings
from newsletter.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from newsletter.config.values import Section

#: The values that a setting may have, in the words of pydantic.
_CHOICE = re.compile(r"'([^']+)'")
#: Where a TOML file ends to be one, in the words of `tomllib`.
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)")
#: What pydantic says of a value of another kind, in words for who writes TOML.
_KINDS = {
    "string_type": "is no text; write it in quotes",
    "int_type": "is no whole number",
    "int_parsing": "is no whole number",
    "float_type": "is no number",
    "float_parsing": "is no number",
    "bool_type": "is neither `true` nor `false`",
    "bool_parsing": "is neither `true` nor `false`",
    "tuple_type": "is no list; write it in square brackets",
}


#: Where secrets belong that somebody would make a setting.
_SECRETS = {
    "smtp.password": "name a file that holds it by `password_file`, or set NEWSLETTER_SMTP_PASSWORD",
    "bounces.password": "name a file that holds it by `password_file`, or set NEWSLETTER_IMAP_PASSWORD",
    "sendgrid.api_key": "name a file that holds it by `api_key_file`, or set SENDGRID_API_KEY",
}


def find_publication(start: Path) -> Path:
    """The nearest folder with ``newsletter.toml``, from *start* upward.

    Raises:
        ConfigError: there is none.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise ConfigError(
        f"no {FILE_NAME} here or in a folder above",
        where=str(start),
        hint="go to your publication, name it with `-C DIR`, or make one with `newsletter init DIR`",
    )


def load_publication(start: Path, overrides: Mapping[str, Mapping[str, object]] | None = None) -> Publication:
    """Find and read the publication that *start* belongs to.

    Args:
        start: a folder in the publication, or the publication itself.
        overrides: settings that win over environment and file, as ``{section: {key: value}}``.

    Raises:
        ConfigError: no publication, no TOML, an unknown key or a value that does not fit.
    """
    root = find_publication(start)
    path = root / FILE_NAME
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _no_toml(error, path) from error
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from error
    try:
        settings = Settings(**values)
        if overrides:
            settings = _override(settings, overrides)
    except ValidationError as error:
        raise _explain(error, path) from error
    return Publication(root, settings)


def _override(settings: Settings, overrides: Mapping[str, Mapping[str, object]]) -> Settings:
    """Settings with the flags of the command line on top; validated again."""
    changed = {}
    for section, values in overrides.items():
        current: Section = getattr(settings, section)
        changed[section] = type(current).model_validate({**current.model_dump(), **values})
    return settings.model_copy(update=changed)


def _no_toml(error: ValueError, path: Path) -> ConfigError:
    """What is wrong with a file that is no TOML, at its line and column."""
    place = _PLACE.search(str(error))
    where = f"{path}:{place[1]}:{place[2]}" if place else str(path)
    return ConfigError(
        f"this is no TOML: {_PLACE.sub('', str(error))}",
        where=where,
        hint='write `key = "value"`, text in quotes, each `[section]` once',
    )


def _explain(error: ValidationError, path: Path) -> ConfigError:
    """The first problem that pydantic found, in the words of the file."""
    problem = error.errors(include_url=False)[0]
    names = [str(part) for part in problem["loc"]]
    key = ".".join(names)
    if problem["type"] == "extra_forbidden":
        hint = _SECRETS.get(key) or did_you_mean(names[-1], _known_keys(names[:-1]))
        return ConfigError(f"`{key}` is not a setting", where=_source(names, path), hint=hint)
    if problem["type"] == "missing":
        return ConfigError(f"`{key}` is missing", where=str(path), hint=f"add it: {_example(names)}")
    hint = "correct the value"
    if problem["type"] == "literal_error":
        known = _CHOICE.findall(problem["ctx"]["expected"])
        hint = did_you_mean(str(problem["input"]), known, otherwise=hint)
    return ConfigError(f"`{key}` {_reason(problem)}", where=_source(names, path), hint=hint)


def _reason(problem: ErrorDetails) -> str:
    text = problem["msg"]
    if problem["type"] == "value_error":
        return text.removeprefix("Value error, ")
    if problem["type"] in _KINDS:
        return _KINDS[problem["type"]]
    return f"has a value that does not fit: {text[:1].lower()}{text[1:]}"


def _source(names: list[str], path: Path) -> str:
    variable = "NEWSLETTER_" + "__".join(names).upper()
    return variable if variable in {name.upper() for name in os.environ} else str(path)


def _known_keys(section: list[str]) -> list[str]:
    fields: dict[str, FieldInfo] = Settings.model_fields
    for name in section:
        model: Any = fields[name].annotation
        fields = model.model_fields
    return [field.alias or name for name, field in fields.items()]


def _example(names: list[str]) -> str:
    if names == ["publication"]:
        return '`[publication]` with `name = "…"` and `from = "Name <name@example.com>"`'
    return f'`{names[-1]} = "…"` under `[{names[0]}]`'
