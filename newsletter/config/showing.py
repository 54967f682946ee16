"""Shows settings as they would be written in the file, and where each value comes from."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from pydantic import BaseModel

from subscribers.database_url import without_password

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.config.settings import Settings
    from newsletter.config.values import Section

#: What is shown of a setting that has no value.
NOT_SET = "not set"


def as_toml(value: object) -> str:
    """A value as TOML writes it (https://toml.io/en/v1.0.0); None, which it cannot, as ``not set``."""
    match value:
        case None:
            return NOT_SET
        case BaseModel():
            return as_toml(value.model_dump(by_alias=True, exclude_none=True))
        case dict():
            pairs = ", ".join(f"{_key(str(name))} = {as_toml(each)}" for name, each in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case list() | tuple():
            return f"[{', '.join(map(as_toml, value))}]"
        case bool() | int() | float():
            return json.dumps(value)
    # A basic string of TOML has the escapes of JSON.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def settings_shown(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Each setting: ``section.key``, its value as TOML, and its source: environment, file or default."""
    for section in type(settings).model_fields:
        values: Section = getattr(settings, section)
        for name, field in type(values).model_fields.items():
            key = field.alias or name
            source = _source(section, key) if name in values.model_fields_set else "default"
            yield f"{section}.{key}", as_toml(_open(section, key, getattr(values, name))), source


def settings_document(settings: Settings) -> dict[str, dict[str, object]]:
    """All settings as one document, ``{section: {key: value}}``, without what is secret."""
    document: dict[str, dict[str, object]] = settings.model_dump(by_alias=True)
    return {
        section: {key: _open(section, key, value) for key, value in values.items()}
        for section, values in document.items()
    }


def _open(section: str, key: str, value: object) -> object:
    """A value as it may be shown; the one secret that a setting can hold is the database's password."""
    return without_password(str(value)) if (section, key) == ("database", "url") else value


def _source(section: str, key: str) -> str:
    """Who set a value that was set: the environment wins over the file."""
    variable = f"NEWSLETTER_{section}__{key}".upper()
    names = {name.upper() for name in os.environ}
    told = variable in names or any(name.startswith(f"{variable}__") for name in names)
    return "environment" if told else "file"


def _key(name: str) -> str:
    bare = name.replace("-", "").replace("_", "")
    return name if bare.isascii() and bare.isalnum() else json.dumps(name, ensure_ascii=False)
