"""Snippets of HTML that checkers of client support get wrong, with what is in each and what is not."""

from __future__ import annotations

from typing import NamedTuple


class Trap(NamedTuple):
    """What it is about, the body or a whole document, what is used in it, and what only seems to be."""

    about: str
    html: str
    uses: frozenset[str]
    not_used: frozenset[str] = frozenset()


def _trap(about: str, html: str, uses: str = "", not_used: str = "") -> Trap:
    whole = html if html.startswith("<!doctype") else f"<!doctype html><html><body>{html}</body></html>"
    return Trap(about, whole, frozenset(uses.split()), frozenset(not_used.split()))


def _css(css: str) -> str:
    return f"<!doctype html><html><head><style>{css}</style></head><body><p>Text</p></body></html>"


TRAPS = (
    _trap(
        "a rule within @media", _css("@media only screen{.a{display:grid}}"), "css-at-media css-display-grid"
    ),
    _trap(
        "@media with a type", _css("@media only screen and (max-width:480px){.a{color:red}}"), "css-at-media"
    ),
    _trap(
        "dark mode",
        _css("@media (prefers-color-scheme:dark){.a{color:red}}"),
        "css-at-media-prefers-color-scheme",
    ),
    _trap("a rule within @supports", _css("@supports (gap:1px){.a{gap:1px}}"), "css-at-supports css-gap"),
    _trap(
        "@font-face without a blank", _css("@font-face{font-family:A;src:url(a.woff)}"), "css-at-font-face"
    ),
    _trap("@import", _css('@import url("https://example.com/a.css");'), "css-at-import"),
    _trap("@keyframes", _css("@keyframes a{from{opacity:0}}"), "css-at-keyframes css-opacity"),
    _trap("var()", _css(".a{color:var(--x)}"), "css-variables"),
    _trap("a custom property", _css(":root{--x:red}"), "css-variables"),
    _trap("nesting", _css(".a{.b{color:red}}"), "css-nesting"),
    _trap("flex, spaced", '<div style="display : flex">a</div>', "css-display-flex"),
    _trap("grid, spaced", '<div style="display: grid">a</div>', "css-display-grid"),
    _trap("a gradient", '<div style="background:linear-gradient(red,blue)">a</div>', "css-linear-gradient"),
    _trap("clamp()", '<p style="font-size:clamp(1px,2vw,3px)">a</p>', "css-function-clamp css-unit-vw"),
    _trap("calc() with rem", '<p style="width:calc(100% - 1rem)">a</p>', "css-unit-calc css-unit-rem"),
    _trap("object-fit", '<img src="a.png" style="object-fit:cover">', "css-object-fit"),
    _trap(":has()", _css("p:has(a){color:red}"), "css-pseudo-class-has"),
    _trap(":nth-child()", _css("p:nth-child(2){color:red}"), "css-pseudo-class-nth-child"),
    _trap("::before", _css("p::before{content:'x'}"), "css-pseudo-element-before"),
    _trap("a sibling", _css("p + p{color:red}"), "css-selector-adjacent-sibling"),
    _trap("an attribute selector", _css("a[href]{color:red}"), "css-selector-attribute"),
    _trap("logical corners", '<p style="border-start-start-radius:2px">a</p>', "css-border-radius-logical"),
    _trap("inset", '<p style="position:absolute;inset:0">a</p>', "css-inset css-position"),
    _trap("logical margins", '<p style="margin-inline:2px">a</p>', "css-margin-inline-block"),
    _trap("aspect-ratio", '<p style="aspect-ratio:1/1">a</p>', "css-aspect-ratio"),
    _trap("scroll snap", '<p style="scroll-snap-type:x">a</p>', "css-scroll-snap"),
    _trap("grid tracks", '<p style="grid-template-columns:1fr 1fr">a</p>', "css-grid-template"),
    _trap("columns", '<p style="column-count:2;column-rule:1px solid">a</p>', "css-column-count"),
    _trap("srcset", '<img src="a.png" srcset="b.png 2x">', "html-srcset"),
    _trap("picture", "<picture><img src='a.png'></picture>", "html-picture"),
    _trap("a vector image", '<img src="a.svg">', "image-svg"),
    _trap("a vector image with a query", '<img src="https://example.com/a.svg?v=2">', "image-svg"),
    _trap("WebP in capitals", '<img src="A.WEBP">', "image-webp"),
    _trap("an image in the document", '<img src="data:image/png;base64,AA">', "image-base64"),
    _trap("inline SVG", "<svg><path d='M0 0'/></svg>", "html-svg"),
    _trap("a video", "<video src='a.mp4'></video>", "html-video"),
    _trap("an anchor", '<a href="#part">a</a>', "html-anchor-links"),
    _trap("details", "<details><summary>a</summary>b</details>", "html-semantics"),
    _trap("a checkbox", '<input type="checkbox">', "html-input-checkbox"),
    _trap("a submit button", '<input type="submit">', "html-input-submit"),
    _trap("an image map", "<map name='a'></map>", "html-image-maps"),
    _trap("loading", '<img src="a.png" loading="lazy">', "html-loading-attribute"),
    _trap("a popover", "<div popover>a</div>", "html-popover"),
    _trap("words in a string", _css("p::after{content:'display:grid'}"), "", "css-display-grid"),
    _trap("words in a comment", _css("/* display:grid */ p{color:red}"), "css-comments", "css-display-grid"),
    _trap("a class called flex", '<p class="display:flex">a</p>', "", "css-display-flex"),
    _trap("a part of a name", '<p style="display:none;-x-display:grid">a</p>', "", "css-display-grid"),
    _trap(
        "hover is no :focus", _css("a:hover{color:red}"), "css-pseudo-class-hover", "css-pseudo-class-focus"
    ),
    _trap(":focus-visible is no :focus", _css("a:focus-visible{color:red}"), "", "css-pseudo-class-focus"),
    _trap(
        ":first-of-type is no :first-child",
        _css("a:first-of-type{color:red}"),
        "",
        "css-pseudo-class-first-child",
    ),
    _trap("overflow-x", '<p style="overflow-x:auto">a</p>', "css-overflow"),
    _trap("list-style-type", '<p style="list-style-type:none">a</p>', "", "css-list-style"),
    _trap("a class below a class", _css(".a .b{color:red}"), "", "css-selector-chaining"),
    _trap(
        "text-transform", '<p style="text-transform:uppercase">a</p>', "css-text-transform", "css-transform"
    ),
    _trap(
        "for Outlook alone",
        "<!--[if mso]><div style='display:grid'>a</div><![endif]-->",
        "",
        "css-display-grid",
    ),
    _trap(
        "text about CSS", "<p>Write display:grid; and @media (x).</p>", "", "css-display-grid css-at-media"
    ),
    _trap("a unit within a word", '<p style="font-family:h1remote">a</p>', "", "css-unit-rem"),
)
