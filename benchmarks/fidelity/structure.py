"""Two HTML documents compared element by element, Outlook's conditional branches included."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher
from html.parser import HTMLParser

from newsletter.editions.scanning import VOID

#: Attributes that differ from run to run, or say nothing.
_IDS = re.compile(r"[0-9a-f]{8,16}")
#: The reference joins neighbouring conditions.
_SEAM = re.compile(r"<!\[endif\]-->\s*<!--\[if mso \| IE\]>")
_COMMENT = re.compile(r"<!--(?!\[if|>|<!\[endif).*?-->", re.DOTALL)
_CONDITION = re.compile(r"<!--\[if ([^\]]+)\]>(?:<!-->)?|(?:<!--)?<!\[endif\]-->")
_SHORT_HEX = re.compile(r"#([0-9a-f])([0-9a-f])([0-9a-f])(?![0-9a-f])")
_ZERO = re.compile(r"(?<![\w.])0(?:px|pt|%|em)(?![\w])")
_ROUNDED = re.compile(r"(\d+)\.\d+")
#: The numbers in classes: what is left of a percentage, and of a carousel's random name.
_CLASS = re.compile(r"(mj-column-per-\d+)-\d+|(?<=mj-carousel-)[0-9a-f]{8,16}")

#: Elements that HTML supplies by itself, and end tags that it ignores.
_UNSEEN = {"tbody", "/tbody", *(f"/{name}" for name in VOID)}

#: Attributes that say something without a value.
_BOOLEAN = {"checked", "hidden", "nowrap"}

Element = tuple[str, tuple[tuple[str, str], ...]]


class _Reader(HTMLParser):
    """Collects elements, texts and conditions as one list."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._flush()
        self.elements.append((tag, tuple(_attributes(attrs))))

    def handle_endtag(self, tag: str) -> None:
        self._flush()
        self.elements.append((f"/{tag}", ()))

    def handle_data(self, data: str) -> None:
        self._text += data

    def close(self) -> None:
        super().close()
        self._flush()

    def _flush(self) -> None:
        text = _css(" ".join(self._text.split()))
        if text:
            self.elements.append(("text", (("", text),)))
        self._text = ""


def _attributes(attrs: list[tuple[str, str | None]]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for name, value in attrs:
        if name == "style":
            found |= {f"style.{key}": text for key, text in _declarations(value or "").items()}
        elif name == "class" and value and value.strip():
            found["class"] = _CLASS.sub(r"\1", " ".join(sorted(value.split())))
        elif value is None and name in _BOOLEAN:
            found.setdefault(name, name)
        elif value and value.strip():
            text = _IDS.sub("ID", _ROUNDED.sub(r"\1", " ".join(value.split())))
            found.setdefault(name, text.removesuffix("px") if name in ("width", "height") else text)
    return sorted(found.items())


def _declarations(style: str) -> dict[str, str]:
    """The declarations of a style attribute, the last of each property, written one way."""
    declared = {}
    for part in re.split(r";(?![^(]*\))", style):
        name, colon, value = part.partition(":")
        if colon and value.strip():
            declared[name.strip().lower()] = _css(value.strip())
    return declared


def _css(value: str) -> str:
    value = re.sub(r"\s*([,>{};:()])\s*", r"\1", value.lower()).replace('"', "'")
    value = _SHORT_HEX.sub(r"#\1\1\2\2\3\3", _ZERO.sub("0", value))
    return _IDS.sub("ID", _ROUNDED.sub(r"\1", value)).strip()


def elements(html: str) -> list[Element]:
    """The elements of *html* in their order; conditions of Outlook count as elements."""
    joined = _SEAM.sub("", _COMMENT.sub("", html))
    marked = _CONDITION.sub(lambda m: f'<x-if is="{m[1]}">' if m[1] else "</x-if>", joined)
    reader = _Reader()
    reader.feed(marked)
    reader.close()
    return [element for element in reader.elements if element[0] not in _UNSEEN]


def differences(ours: str, reference: str) -> Counter[str]:
    """What differs in the bodies, by kind: ``td style.width``, ``missing img``, ``added tr``…"""
    a, b = _body(elements(ours)), _body(elements(reference))
    found: Counter[str] = Counter()
    matcher = SequenceMatcher(None, [tag for tag, _ in a], [tag for tag, _ in b], autojunk=False)
    for kind, start, end, other, last in matcher.get_opcodes():
        if kind == "equal":
            for (tag, mine), (_, theirs) in zip(a[start:end], b[other:last], strict=True):
                for name in {key for key, _ in set(mine) ^ set(theirs)}:
                    found[f"{tag} {name}".strip()] += 1
        else:
            found.update(f"added {tag}" for tag, _ in a[start:end])
            found.update(f"missing {tag}" for tag, _ in b[other:last])
    return found


def _body(found: list[Element]) -> list[Element]:
    starts = [index for index, (tag, _) in enumerate(found) if tag == "body"]
    return found[starts[0] :] if starts else found
