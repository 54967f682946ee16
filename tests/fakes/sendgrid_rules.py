"""What SendGrid's Mail Send refuses: its published schema, and the documented limits that the schema leaves out.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

#: The documents say 20 MB in two places and 30 MB in one.
MOST_BYTES = 20_000_000
MOST_SUBSTITUTIONS = 10_000
MOST_CUSTOM_ARGS = 10_000
FORBIDDEN = {
    "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding",
    "to", "from", "subject", "reply-to", "cc", "bcc",
}  # fmt: skip
_SCHEMA = Path(__file__).parent / "openapi" / "tsg_mail_send.json"
Problem = tuple[str, str]


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The published schema, with message-level ``custom_args`` as what they are: an object of strings."""
    document = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    body = document["components"]["requestBodies"]["PostMailSend"]["content"]["application/json"]["schema"]
    body["properties"]["custom_args"] = {"type": "object", "additionalProperties": {"type": "string"}}
    return {**body, "components": document["components"]}


@lru_cache(maxsize=1)
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema(), format_checker=FormatChecker(["email"]))


def problems(body: Any) -> list[Problem]:
    """Everything that is wrong with a request, as message and field; SendGrid would refuse it whole."""
    found = [
        (error.message[:200], ".".join(map(str, error.absolute_path)))
        for error in _validator().iter_errors(body)
    ]
    return found or list(_beyond_the_schema(body))


def _beyond_the_schema(body: dict[str, Any]) -> Iterator[Problem]:
    people = body["personalizations"]
    yield from _unknown(body, schema()["properties"], "")
    yield from _recipients(people)
    for place, person in enumerate(people):
        yield from _person(person, f"personalizations.{place}.")
    yield from _headers(body.get("headers", {}), "headers")
    yield from _arguments(body.get("custom_args", {}), "custom_args")
    yield from _content(body)
    if not body.get("subject") and not all(person.get("subject") for person in people):
        yield "The subject is required.", "subject"
    if "reply_to" in body and "reply_to_list" in body:
        yield "Only one of reply_to and reply_to_list may be used.", "reply_to_list"
    if any(not name for name in body.get("categories", [])):
        yield "A category must not be empty.", "categories"
    yield from _send_at(body, "")
    bypasses = [name for name in body.get("mail_settings", {}) if name.startswith("bypass_")]
    if "bypass_list_management" in bypasses and len(bypasses) > 1:
        yield "bypass_list_management cannot be combined with other bypasses.", "mail_settings"


def _recipients(people: list[dict[str, Any]]) -> Iterator[Problem]:
    if not people:
        yield "The personalizations field is required and must have at least one entry.", "personalizations"
    everybody = [
        each["email"].lower()
        for person in people
        for kind in ("to", "cc", "bcc")
        for each in person.get(kind, [])
    ]
    if len(everybody) > 1000:
        yield "There are more than 1000 recipients.", "personalizations"
    if len(set(everybody)) < len(everybody):
        yield (
            "Each unique email address in the personalizations array should only be included once.",
            "personalizations",
        )


def _person(person: dict[str, Any], at: str) -> Iterator[Problem]:
    yield from _unknown(person, schema()["properties"]["personalizations"]["items"]["properties"], at)
    if not person["to"]:
        yield "The to array is required and must have at least one entry.", f"{at}to"
    for place, each in enumerate(person["to"]):
        if not re.fullmatch(r"[\x21-\x7e]+@[A-Za-z0-9.-]+", each["email"]) or each["email"].startswith("bad"):
            yield "Does not contain a valid address.", f"{at}to.{place}.email"
    values = person.get("substitutions", {})
    if sum(len(tag.encode()) + len(value.encode()) for tag, value in values.items()) > MOST_SUBSTITUTIONS:
        yield "The substitutions are over 10,000 bytes.", f"{at}substitutions"
    for tag in values:
        if not tag or re.search(r"[<>&\s]", tag):
            yield "A tag is empty, or has a blank or one of < > &.", f"{at}substitutions"
        if any(tag in value for value in values.values()):
            yield "A value has a tag in it.", f"{at}substitutions"
    yield from _headers(person.get("headers", {}), f"{at}headers")
    yield from _arguments(person.get("custom_args", {}), f"{at}custom_args")
    yield from _send_at(person, at)


def _headers(fields: dict[str, Any], at: str) -> Iterator[Problem]:
    for name, value in fields.items():
        if name.lower() in FORBIDDEN:
            yield f"The header {name} is forbidden.", at
        elif not re.fullmatch(r"[!-9;-~]+", name):
            yield "The name of a header is none.", at
        if not isinstance(value, str) or re.search(r"[\r\n]", value):
            yield "The value of a header must be a string on one line.", at
        elif not value.isascii():
            yield "The value of a header must be encoded if it has unicode characters.", at


def _arguments(arguments: dict[str, Any], at: str) -> Iterator[Problem]:
    if not all(isinstance(value, str) for value in arguments.values()):
        yield "Custom arguments must be strings.", at
    elif len(json.dumps(arguments).encode()) > MOST_CUSTOM_ARGS:
        yield "The custom arguments are over 10,000 bytes.", at


def _content(body: dict[str, Any]) -> Iterator[Problem]:
    if not body.get("content") and not body.get("template_id"):
        yield "The content is required.", "content"
        return
    order = {"text/plain": 0, "text/html": 1}
    ranks = [order.get(part["type"], 2) for part in body.get("content", [])]
    if ranks != sorted(ranks):
        yield "text/plain must come first, then text/html, then any other.", "content"


def _send_at(where: dict[str, Any], at: str) -> Iterator[Problem]:
    if where.get("send_at", 0) > time.time() + 72 * 3600:
        yield "Sending can be scheduled at most 72 hours ahead.", f"{at}send_at"


def _unknown(given: dict[str, Any], known: dict[str, Any], at: str) -> Iterator[Problem]:
    for name in given.keys() - known.keys():
        yield f"The parameter {name} is unknown.", f"{at}{name}"
