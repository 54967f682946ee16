"""Which features of Can I email a mail uses, and where: elements, attributes, and all its CSS.

What stands in ``@media`` and in other blocks is read as what stands outside; style attributes are read as
style elements. What only Outlook reads, in conditional comments, is written for it and not judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from newsletter.checks.stylesheets import Part, read_css
from newsletter.checks.support import features

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from newsletter.editions import Element

#: Titles of features that are the name of one property, with what may follow it.
_PROPERTY = re.compile(r"([a-z-]+)(?: shorthand| property| CSS property)?\s*")
_SIDES = ("top", "right", "bottom", "left")
#: Properties whose feature's title is not their name.
_PROPERTIES = {
    "css-left-right-top-bottom": _SIDES,
    "css-gap": ("gap", "column-gap", "row-gap", "grid-gap"),
    "css-grid-template": (
        "grid-template",
        "grid-template-columns",
        "grid-template-rows",
        "grid-template-areas",
    ),
    "css-block-inline-size": ("block-size", "inline-size"),
    "css-inline-size": ("inline-size",),
    "css-column-layout-properties": (
        "columns",
        *(f"column-{name}" for name in "fill rule rule-color rule-style rule-width span width".split()),  # noqa: SIM905
    ),
    "css-margin-inline-block": ("margin-inline", "margin-block"),
    "css-margin-inline-start-end": ("margin-inline-start", "margin-inline-end"),
    "css-margin-block-start-end": ("margin-block-start", "margin-block-end"),
    "css-padding-inline-block": ("padding-inline", "padding-block"),
    "css-padding-inline-start-end": ("padding-inline-start", "padding-inline-end"),
    "css-padding-block-start-end": ("padding-block-start", "padding-block-end"),
    "css-border-inline-block": ("border-inline", "border-block"),
    "css-border-inline-block-longhand": tuple(
        f"border-{way}-{what}" for way in ("inline", "block") for what in ("color", "style", "width")
    ),
    "css-border-inline-block-individual": tuple(
        f"border-{way}-{end}{what}"
        for way in ("inline", "block")
        for end in ("start", "end")
        for what in ("", "-color", "-style", "-width")
    ),
    "css-border-radius-logical": tuple(
        f"border-{one}-{other}-radius" for one in ("start", "end") for other in ("start", "end")
    ),
    "css-scroll-snap": ("scroll-snap-type", "scroll-snap-align", "scroll-snap-stop"),
    "css-border": ("border", *(f"border-{side}" for side in _SIDES)),
    "css-margin": ("margin", *(f"margin-{side}" for side in _SIDES)),
    "css-padding": ("padding", *(f"padding-{side}" for side in _SIDES)),
    "css-animation": ("animation", "animation-name", "animation-duration"),
    "css-transition": ("transition", "transition-property", "transition-duration"),
    "css-overflow": ("overflow", "overflow-x", "overflow-y"),
}
#: What a declaration's value may have: by the whole declaration, ``property:value``.
_VALUES = {
    "css-display-flex": r"^display:\s*(?:inline-)?flex\b",
    "css-display-grid": r"^display:\s*(?:inline-)?grid\b",
    "css-display-none": r"^display:\s*none\b",
    "css-flex-direction": r"^flex-direction:\s*column",
    "css-flex-wrap": r"^flex-wrap:\s*wrap",
    "css-important": r"!\s*important",
    "css-intrinsic-size": r"[:\s](?:fit|min|max)-content\b",
    "css-sytem-ui": r"\b(?:system-ui|ui-(?:serif|sans-serif|rounded|monospace))\b",
    "css-modern-color": r"\b(?:ok)?(?:lch|lab)\(",
    "css-variables": r"^--[\w-]+:|\bvar\(",
    "css-unit-calc": r"\bcalc\(",
    "css-unit-initial": r":\s*initial\b",
    "css-unit-percent": r"\d%",
    "css-function-clamp": r"\bclamp\(",
    "css-function-min": r"(?<![\w-])min\(",
    "css-function-max": r"(?<![\w-])max\(",
    "css-function-light-dark": r"\blight-dark\(",
    "css-linear-gradient": r"\blinear-gradient\(",
    "css-radial-gradient": r"\bradial-gradient\(",
    "css-conic-gradient": r"\bconic-gradient\(",
    "css-rgb": r"\brgb\(",
    "css-rgba": r"\brgba\(",
    **{
        f"css-unit-{unit}": rf"\d{unit}\b"
        for unit in ["ch", "cm", "em", "ex", "in", "mm", "pc", "pt", "px", "rem", "vh", "vmax", "vmin", "vw"]
    },
}
_SELECTORS = {
    "css-selector-adjacent-sibling": r"\+",
    "css-selector-attribute": r"\[",
    "css-selector-chaining": r"\.[\w-]+\.[\w-]",
    "css-selector-child": r">",
    "css-selector-class": r"\.[\w-]",
    "css-selector-descendant": r"[\w\])*][ \n\t]+[\w.#\[*:]",
    "css-selector-general-sibling": r"~(?!=)",
    "css-selector-grouping": r",",
    "css-selector-id": r"#[\w-]",
    "css-selector-type": r"(?:^|[\s>+~,(])[a-zA-Z][\w-]*",
    "css-selector-universal": r"(?:^|[\s>+~,(])\*",
}
_AT_RULES = {
    "css-at-font-face": ("font-face", ""),
    "css-at-import": ("import", ""),
    "css-at-keyframes": ("keyframes", ""),
    "css-at-supports": ("supports", ""),
    "css-at-media": ("media", ""),
    "css-at-media-device-pixel-ratio": ("media", r"device-pixel-ratio"),
    "css-at-media-hover": ("media", r"\(\s*(?:any-)?hover"),
    "css-at-media-orientation": ("media", r"orientation"),
    "css-at-media-prefers-color-scheme": ("media", r"prefers-color-scheme"),
    "css-at-media-prefers-reduced-motion": ("media", r"prefers-reduced-motion"),
}
_ELEMENTS = {
    "html-address": "address",
    "html-h1-h6": "h1 h2 h3 h4 h5 h6",
    "html-lists": "ul ol dl",
    "html-base": "base",
    "html-image-maps": "map area",
    "html-semantics": "article aside details figcaption figure footer header main mark nav section"
    " summary time",
    "html-object": "object embed",
}
#: Element, attribute, and what its value must match; an empty element stands for each.
_ATTRIBUTES = {
    "html-anchor-links": ("a", "href", r"#."),
    "html-mailto-links": ("a", "href", r"mailto:"),
    "html-srcset": ("", "srcset", ""),
    "html-loading-attribute": ("", "loading", ""),
    "html-meta-color-scheme": ("meta", "name", r"color-scheme$"),
    "amp": ("html", "amp4email", ""),
    "css-inert-attribute": ("", "inert", ""),
    "css-background-color": ("", "bgcolor", ""),
    "css-background": ("", "background", ""),
    **{
        f"html-input-{kind}": ("input", "type", rf"{kind}$")
        for kind in ("checkbox", "hidden", "radio", "reset", "submit", "text")
    },
    **{f"html-button-{kind}": ("button", "type", rf"{kind}$") for kind in ("reset", "submit")},
}
_ENDINGS = {
    "image-apng": "apng",
    "image-avif": "avif",
    "image-bmp": "bmp",
    "image-gif": "gif",
    "image-hdr": "hdr",
    "image-heif": "hei[fc]",
    "image-ico": "ico",
    "image-jpg": "jpe?g",
    "image-mp4": "mp4",
    "image-png": "png",
    "image-svg": "svg",
    "image-tiff": "tiff?",
    "image-webp": "webp",
}


@dataclass(frozen=True)
class Use:
    """A feature that is used: its name in the data, where in the HTML, by which element, and the words."""

    slug: str
    offset: int
    element: Element
    words: str


def features_used(html: str, elements: Sequence[Element]) -> Iterator[Use]:
    """Each use of a feature in *html*, of which *elements* were read."""
    if html[:9].lower() == "<!doctype" and elements:
        yield Use("html-doctype", 0, elements[0], "<!doctype>")
    for element in elements:
        for slug, words in _of_tag(element):
            yield Use(slug, element.start, element, words)
        if element.name == "style":
            css = html[element.inner : element.end]
            if "/*" in css:
                yield Use("css-comments", element.inner + css.index("/*"), element, "/* … */")
            for part in read_css(css):
                for slug in features_of(part):
                    yield Use(slug, element.inner + part.offset, element, _words(part))
        elif style := element.attributes.get("style"):
            for part in read_css(style):
                for slug in features_of(part):
                    yield Use(slug, element.start, element, _words(part))


@lru_cache(maxsize=4096)
def features_of(part: Part) -> tuple[str, ...]:
    """The features that a part of a style sheet uses."""
    if part.kind == "at":
        return tuple(
            slug
            for slug, (name, value) in _AT_RULES.items()
            if part.name == name and re.search(value, part.value, re.IGNORECASE)
        )
    if part.kind == "selector":
        found = [slug for slug, pattern in _selectors().items() if pattern.search(part.name)]
        return (*found, "css-nesting") if part.nested else tuple(found)
    declared = f"{part.name}:{part.value}"
    values = (slug for slug, pattern in _values().items() if pattern.search(declared))
    return (*_properties().get(part.name, ()), *values)


@lru_cache(maxsize=4096)
def _by_name(name: str) -> tuple[str, ...]:
    found = [slug for slug, names in _ELEMENTS.items() if name in names.split()]
    return (*found, f"html-{name}") if f"html-{name}" in features() else tuple(found)


def _of_tag(element: Element) -> Iterator[tuple[str, str]]:
    for slug in _by_name(element.name):
        yield slug, f"<{element.name}>"
    for name, value in element.attributes.items():
        if f"html-{name}" in features() and name not in {"style", "object", "link"}:
            yield f"html-{name}", name
        for slug, (of, attribute, pattern) in _ATTRIBUTES.items():
            if name == attribute and of in ("", element.name) and re.match(pattern, value, re.IGNORECASE):
                yield slug, f'{name}="{value}"'
        if name in {"src", "background"} and element.name not in {"script", "iframe"}:
            for slug in _image(value):
                yield slug, value[:60]


@lru_cache(maxsize=1024)
def _image(address: str) -> tuple[str, ...]:
    if address.startswith("data:image/"):
        return ("image-base64",)
    path = re.split(r"[?#]", address, maxsplit=1)[0]
    return tuple(slug for slug, ending in _ENDINGS.items() if re.search(rf"\.{ending}$", path, re.IGNORECASE))


def _words(part: Part) -> str:
    if part.kind == "at":
        return f"@{part.name} {part.value}".strip()
    return part.name if part.kind == "selector" else f"{part.name}: {part.value}"


@lru_cache(maxsize=1)
def _properties() -> dict[str, tuple[str, ...]]:
    """The features of each property."""
    found: dict[str, tuple[str, ...]] = {}
    for slug, feature in features().items():
        if not slug.startswith("css-"):
            continue
        plain = _PROPERTY.fullmatch(feature.title)
        names = _PROPERTIES.get(slug) or ((plain[1],) if plain else ())
        for name in names:
            found[name] = (*found.get(name, ()), slug)
    return found


@lru_cache(maxsize=1)
def _values() -> dict[str, re.Pattern[str]]:
    return {slug: re.compile(pattern, re.IGNORECASE) for slug, pattern in _VALUES.items()}


@lru_cache(maxsize=1)
def _selectors() -> dict[str, re.Pattern[str]]:
    pseudo = {
        slug: rf"{slug.replace('css-pseudo-class-', ':').replace('css-pseudo-element-', '::?')}(?![\w-])"
        for slug in features()
        if slug.startswith("css-pseudo-")
    }
    return {slug: re.compile(pattern) for slug, pattern in {**_SELECTORS, **pseudo}.items()}
