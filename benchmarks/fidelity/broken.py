"""What each validator finds in documents broken on purpose, and whether our table is the reference's."""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from newsletter.editions.components import components
from newsletter.editions.scanning import Comment, Tag
from newsletter.editions.validation import examine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.fidelity.reference import Reference
    from newsletter.editions.components import Form
    from newsletter.editions.scanning import Token

SEED = 20260411
EACH = 60

_VALUES = (
    "abc",
    "12",
    "12pt",
    "10 px",
    "#12",
    "#ff000080",
    "hsl(0,0%,0%)",
    "Red",
    "-5px",
    "1px 2px 3px 4px 5px",
    "",
)
_TAG = re.compile(r"<(mj-[a-z-]+)((?:\s+[\w-]+=\"[^\"]*\")*)(\s*/?)>")
_ATTRIBUTE = re.compile(r"\s([\w-]+)=\"([^\"]*)\"")


def misspelt_tag(mjml: str, chance: random.Random) -> str:
    """One letter of a component's name is missing, at both ends."""
    name = chance.choice(sorted({match[1] for match in _TAG.finditer(mjml)} - {"mj-body", "mj-head"}))
    at = chance.randrange(4, len(name))
    return re.sub(rf"(</?){name}(?=[\s/>])", rf"\g<1>{name[:at]}{name[at + 1 :]}x", mjml)


def misspelt_attribute(mjml: str, chance: random.Random) -> str:
    """One letter of an attribute's name is missing."""
    match = chance.choice([m for m in _attributes(mjml) if len(m[1]) > 3])
    return mjml[: match.start(1)] + match[1][:2] + match[1][3:] + mjml[match.end(1) :]


def wrong_value(mjml: str, chance: random.Random) -> str:
    """An attribute has a value of another type."""
    match = chance.choice(list(_attributes(mjml)))
    return mjml[: match.start(2)] + chance.choice(_VALUES) + mjml[match.end(2) :]


def wrong_parent(mjml: str, chance: random.Random) -> str:
    """A component stands where it may not."""
    match = chance.choice([m for m in _TAG.finditer(mjml) if not m[3].strip()])
    child = chance.choice(sorted(components().keys() - {"mjml"}))
    return f"{mjml[: match.end()]}<{child}></{child}>{mjml[match.end() :]}"


def html_between(mjml: str, chance: random.Random) -> str:
    """HTML stands between components."""
    match = chance.choice([m for m in _TAG.finditer(mjml) if m[1] in ("mj-section", "mj-column", "mj-body")])
    return f"{mjml[: match.end()]}<div>x</div>{mjml[match.end() :]}"


def text_between(mjml: str, chance: random.Random) -> str:
    """Text stands between components."""
    match = chance.choice([m for m in _TAG.finditer(mjml) if m[1] in ("mj-section", "mj-column", "mj-body")])
    return f"{mjml[: match.end()]} lost {mjml[match.end() :]}"


def unclosed(mjml: str, chance: random.Random) -> str:
    """An end tag is missing."""
    match = chance.choice(list(re.finditer(r"</mj-[a-z-]+>", mjml)))
    return mjml[: match.start()] + mjml[match.end() :]


def stray_end(mjml: str, chance: random.Random) -> str:
    """An end tag too many."""
    match = chance.choice(list(re.finditer(r"</mj-[a-z-]+>", mjml)))
    return mjml[: match.end()] + match[0] + mjml[match.end() :]


def component_in_text(mjml: str, chance: random.Random) -> str:
    """A component stands in the HTML of another."""
    match = chance.choice([m for m in _TAG.finditer(mjml) if m[1] == "mj-text" and not m[3].strip()])
    return f"{mjml[: match.end()]}<mj-button>x</mj-button>{mjml[match.end() :]}"


def doubled_attribute(mjml: str, chance: random.Random) -> str:
    """An attribute is given twice."""
    match = chance.choice(list(_attributes(mjml)))
    return mjml[: match.end()] + match[0] + mjml[match.end() :]


def unknown_class(mjml: str, chance: random.Random) -> str:
    """A class is used that nobody defines."""
    match = chance.choice([m for m in _TAG.finditer(mjml) if m[1] == "mj-text" and "mj-class" not in m[2]])
    return f'{mjml[: match.end(1)]} mj-class="nowhere"{mjml[match.end(1) :]}'


def comment_inside(mjml: str, chance: random.Random) -> str:
    """A comment stands in a component."""
    match = chance.choice([m for m in _TAG.finditer(mjml) if not m[3].strip()])
    return f"{mjml[: match.end()]}<!-- note -->{mjml[match.end() :]}"


KINDS: tuple[Callable[[str, random.Random], str], ...] = (
    misspelt_tag,
    misspelt_attribute,
    wrong_value,
    wrong_parent,
    html_between,
    text_between,
    unclosed,
    stray_end,
    component_in_text,
    doubled_attribute,
    unknown_class,
    comment_inside,
)


def _attributes(mjml: str) -> Iterator[re.Match[str]]:
    for tag in _TAG.finditer(mjml):
        yield from (m for m in _ATTRIBUTE.finditer(mjml, tag.start(2), tag.end(2)))


def corpus(sources: dict[str, str]) -> list[tuple[str, str]]:
    """Documents that are right, each broken once, with the kind of the break; the same every time."""
    chance = random.Random(SEED)
    found = []
    for breaker in KINDS:
        made = 0
        while made < EACH:
            try:
                found.append((breaker.__name__, breaker(chance.choice(list(sources.values())), chance)))
            except IndexError:
                continue  # the document has nothing to break in this way
            made += 1
    return found


def report(reference: Reference, templates: dict[str, str]) -> None:
    """Print what both find, document by document, and what only one of them finds."""
    print("## Validators\n")
    unlike = table_differences(reference.tables())
    print(f"Our table and the reference's: {'; '.join(unlike) or 'the same'}.\n")
    clean = {name: mjml for name, mjml in templates.items() if not examine(mjml)[1]}
    documents = corpus(clean)
    results = reference.compile([mjml for _, mjml in documents])
    rows: dict[str, Counter[str]] = {}
    missed = []
    for (kind, mjml), theirs in zip(documents, results, strict=True):
        problems = examine(mjml)[1]
        row = rows.setdefault(kind, Counter())
        row["documents"] += 1
        row["reference"] += bool(theirs.errors)
        row["ours"] += bool(problems)
        if theirs.errors and not _covers(mjml, theirs.errors):
            row["missed"] += 1
            missed.append((kind, theirs.errors))
    print("| broken by | documents | reference finds | ours finds | only the reference finds |")
    print("| --- | --- | --- | --- | --- |")
    for kind, row in rows.items():
        counts = [row[column] for column in ("documents", "reference", "ours", "missed")]
        print(f"| {kind.replace('_', ' ')} | {' | '.join(map(str, counts))} |")
    for kind, errors in missed:
        print("missed", kind, errors)


def _covers(mjml: str, errors: list[dict[str, Any]]) -> bool:
    """Whether each error is about a tag in which we found something, or comes after we could not read on."""
    tokens, problems = examine(mjml)
    offsets = [problem.offset for problem in problems]
    unknown = {tag.name for tag in tokens if isinstance(tag, Tag)} - components().keys()
    stopped = any(problem.fatal for problem in problems)
    for error in errors:
        if error["tagName"] is None and problems:
            continue  # the reference died of it, and cannot say of what
        name = error["tagName"] or ""
        if unknown and not name.startswith("mj-"):
            continue  # HTML in an element that we said is unknown: what it may hold nobody knows
        spans = [(t.offset, t.offset + len(t.source)) for t in tokens if _is(t, error, mjml)]
        found = any(start <= offset < end for start, end in spans for offset in offsets)
        if not found and (spans or not stopped):
            return False
    return True


def _is(token: Token, error: dict[str, Any], mjml: str) -> bool:
    """Whether *error* is about *token*; a comment is an `mj-raw` to the reference."""
    name = token.name if isinstance(token, Tag) else "mj-raw" if isinstance(token, Comment) else ""
    return name == error["tagName"] and mjml.count("\n", 0, token.offset) + 1 == error["line"]


def table_differences(tables: dict[str, Any]) -> list[str]:
    """Where our table says something else than the reference's: attributes and children, by name."""
    found = []
    unsupported = {"mj-html-attributes"}
    for name, entry in tables.items():
        if name in unsupported:
            continue
        mine = components()[name]
        extra = set(mine.attributes) - set(entry["attributes"]) - {"css-class", "mj-class"}
        lacking = set(entry["attributes"]) - set(mine.attributes)
        children = (set(mine.children) ^ set(entry["children"])) - unsupported - {"*", "mj-all", "mj-class"}
        found += [f"{name}: {what}" for what in sorted(extra | lacking | children)]
        found += [
            f"{name} {attribute}: {kind}"
            for attribute, kind in entry["attributes"].items()
            if attribute in mine.attributes and not _same_form(kind, mine.attributes[attribute])
        ]
    return found


def _same_form(kind: str, form: Form) -> bool:
    """Whether *form* is what the reference calls *kind*; ours may have fewer choices, or some for a text."""
    if kind.startswith("enum"):
        return set(form.choices) <= set(kind[5:-1].split(","))
    if form.choices:
        return kind == "string"
    samples = {
        value: unit in kind
        for value, unit in (("7px", "px"), ("7%", "%"), ("auto", "auto"), ("2em", "em"), ("-2px", "Negative"))
    }
    expected = {
        "string": dict.fromkeys(samples, True),
        "color": dict.fromkeys(samples, False),
        "boolean": dict.fromkeys(samples, False),
        "integer": dict.fromkeys(samples, False),
    }.get(kind, samples)
    several = kind.endswith("}") or kind == "string"
    bare = kind in ("integer", "string") or kind.endswith(",)")
    return (
        all(form.accepts(value) == wanted for value, wanted in expected.items())
        and form.accepts("1px 2px 3px 4px") == several
        and form.accepts("1.5" if kind != "integer" else "15") == bare
        and form.accepts("#1a2B3c") == (kind in ("color", "string"))
        and form.accepts("true") == (kind in ("boolean", "string"))
    )
