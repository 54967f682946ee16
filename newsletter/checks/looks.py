"""Rules on colours and letters: that text can be read by day, by night and by weak eyes."""

from __future__ import annotations

import re
from functools import cached_property
from html import unescape
from typing import TYPE_CHECKING

from newsletter.checks.colours import inverted
from newsletter.checks.finding import Finding, Severity
from newsletter.checks.rule import Rule
from newsletter.checks.stylesheets import read_css, read_style
from newsletter.editions import ENOUGH, SETTINGS_FILE, contrast, faint, line_of
from newsletter.editions.colours import colour_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.subject import Subject
    from newsletter.editions import Element

#: WCAG 2.2, 1.4.3: enough for large letters, of at least 24 pixels, or 18.66 if they are bold.
ENOUGH_LARGE = 3.0
LARGE, LARGE_BOLD = 24.0, 18.66
#: Inversion is an approximation, so that only what is clearly too faint is told.
ENOUGH_INVERTED = 3.5
#: In pixels: smaller letters are too small for many, whatever they say.
SMALLEST = 12.0
_CONTRAST = "https://www.w3.org/WAI/WCAG22/Understanding/contrast-minimum.html"
_DARK = "https://www.litmus.com/blog/the-ultimate-guide-to-dark-mode-for-email-marketers"

THEME_CONTRAST = Rule(
    "theme-contrast",
    Severity.WARNING,
    "Text that hardly differs from what is behind it is not read by everybody.",
    _CONTRAST,
    '[light]\nsoft = "#c0c0c0"',
    '[light]\nsoft = "#5c5f66"',
    "theme",
)
CONTRAST_LIGHT = Rule(
    "contrast-light",
    Severity.WARNING,
    "Text that hardly differs from what is behind it is not read by everybody.",
    _CONTRAST,
    '<p style="color:#aaaaaa;background-color:#ffffff">Hard to read</p>',
    '<p style="color:#444444;background-color:#ffffff">Easy to read</p>',
    "html",
)
CONTRAST_DARK = Rule(
    "contrast-dark",
    Severity.WARNING,
    "In dark mode a text of a fixed dark colour stands on a dark ground.",
    _DARK,
    'Read <span style="color:#333333">these words</span> at night.',
    "Read **these words** at night.",
)
CONTRAST_INVERTED = Rule(
    "contrast-inverted",
    Severity.WARNING,
    "Some mail programs invert colours in dark mode, and what was legible may not be any more.",
    _DARK,
    '<p style="color:#111111;background-color:#7f7f7f">Hard to read when inverted</p>',
    '<p style="color:#111111;background-color:#ffffff">Easy to read when inverted</p>',
    "html",
)
FONT_SMALL = Rule(
    "font-small",
    Severity.WARNING,
    "Letters below 12 pixels are too small for many readers, and iPhones enlarge them unasked.",
    "https://www.w3.org/WAI/WCAG22/Understanding/resize-text.html",
    '<p style="font-size:9px">The small print of this offer</p>',
    '<p style="font-size:14px">The conditions of this offer</p>',
    "html",
)
TEXT_JUSTIFIED = Rule(
    "text-justified",
    Severity.WARNING,
    "Justified text has gaps that make it hard to follow, most of all for readers with dyslexia.",
    "https://www.w3.org/WAI/WCAG22/Understanding/visual-presentation.html",
    '<p style="text-align:justify">A paragraph with gaps in it.</p>',
    '<p style="text-align:left">A paragraph without gaps in it.</p>',
    "html",
)

_HIDDEN = re.compile(r"display:\s*none|visibility:\s*hidden")
_SIZE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(px|pt|em|rem|%)?")
_SIZES = {"px": 1.0, "pt": 4 / 3, "rem": 16.0}
#: Blanks of all widths, and what keeps lines together or inboxes from showing more.
_INVISIBLE = re.compile("[\\s\u00a0\u034f\u200b-\u200f\u2000-\u200a\u2060\ufeff\u00ad]+")
_MARKUP = re.compile(r"<!--.*?-->|<[^>]*>", re.DOTALL)


class Styles:
    """The colours and the size of the text of each element: what is written in it, else inherited."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._known: dict[int, tuple[str, str, float, bool, bool]] = {}

    def of(self, element: Element) -> tuple[str, str, float, bool, bool]:
        """Text colour, ground, size in pixels, whether it is bold, and whether both colours can be told."""
        if element.number not in self._known:
            above = self.of(element.parent) if element.parent else ("#000000", "#ffffff", 16.0, False, True)
            self._known[element.number] = self._own(element, *above)
        return self._known[element.number]

    def _own(
        self,
        element: Element,
        ink: str,
        ground: str,
        size: float,
        bold: bool,
        sure: bool,
    ) -> tuple[str, str, float, bool, bool]:
        style = read_style(element.attributes.get("style", ""))
        said = style.get("background-color") or style.get("background") or element.attributes.get("bgcolor")
        if said:
            picture = "url(" in said or "gradient(" in said
            ground, sure = colour_of(said) or ground, sure and not picture
        if "color" in style:
            ink = colour_of(style["color"]) or ink
        elif element.name == "font" and "color" in element.attributes:
            ink = colour_of(element.attributes["color"]) or ink
        elif element.name == "a":
            ink = "#0000ee"
        if match := _SIZE.fullmatch(style.get("font-size", "")):
            unit = match[2] or "px"
            size = float(match[1]) * (size if unit == "em" else size / 100 if unit == "%" else _SIZES[unit])
        weight = style.get("font-weight", "")
        heavy = element.name in {"b", "strong", "th", "h1", "h2", "h3", "h4", "h5", "h6"}
        bold = (weight in {"bold", "bolder", "600", "700", "800", "900"}) if weight else bold or heavy
        return ink, ground, size, bold, sure

    @cached_property
    def texts(self) -> list[Element]:
        """The elements that have text of their own, which is shown."""
        html = self.subject.edition.html
        found = []
        for element, after in zip(self.subject.elements, _starts_after(self.subject.elements), strict=True):
            own = html[element.inner : min(element.end, after)]
            if _INVISIBLE.sub("", unescape(_MARKUP.sub("", own))) and not any(
                map(_hidden, (element, *element.ancestors()))
            ):
                found.append(element)
        return found


def theme_contrast(subject: Subject) -> Iterator[Finding]:
    """The colours that the theme's settings put on each other."""
    theme = subject.theme
    if theme is None:
        return
    source = theme.files.get(SETTINGS_FILE, "")
    for each in faint(theme):
        text, surface = f"{each.mode}.{each.text}", f"{each.mode}.{each.surface}"
        lines = (line_of(source, (each.mode, key)) for key in (each.text, each.surface))
        yield subject.finding(
            THEME_CONTRAST,
            f"text in `{text}` on `{surface}` has a contrast of {each.ratio:.1f} : 1, less than {ENOUGH} : 1",
            hint=f"choose a colour that differs more from `{surface}`",
            file=theme.place(SETTINGS_FILE),
            line=next((line for line in lines if line), None),
        )


def legible(subject: Subject) -> Iterator[Finding]:
    """Each text as it is, as inverted, and as it stands on the dark ground of the theme."""
    styles = Styles(subject)
    told: set[tuple[str, str, str]] = set()
    for element in styles.texts:
        ink, ground, size, bold, sure = styles.of(element)
        enough = ENOUGH_LARGE if size >= LARGE or (bold and size >= LARGE_BOLD) else ENOUGH
        if size < SMALLEST and element.name not in {"sup", "sub"} and not _in_mark(element):
            yield subject.at_element(
                FONT_SMALL,
                element,
                f"“{_said(subject, element)}” is {size:g} pixels high",
                hint="use 14 or more",
            )
        if not sure:
            continue
        plain = contrast(ink, ground)
        dark = contrast(inverted(ink, text=True), inverted(ground, text=False))
        for rule, ratio, how in (
            (CONTRAST_LIGHT, plain, ""),
            (CONTRAST_INVERTED, dark, ", inverted as some mail programs do in dark mode,"),
        ):
            enough = enough if rule is CONTRAST_LIGHT else ENOUGH_INVERTED
            if ratio < enough and (rule.id, ink, ground) not in told:
                told.add((rule.id, ink, ground))
                yield subject.at_element(
                    rule,
                    element,
                    f"“{_said(subject, element)}” in {ink} on {ground}{how} has a contrast of"
                    f" {ratio:.1f} : 1, less than {enough:g} : 1",
                    hint="choose colours that differ more",
                )
                break


def at_night(subject: Subject) -> Iterator[Finding]:
    """Colours that the issue itself fixes, on the ground that the theme has in dark mode."""
    night = subject.theme.settings.get("dark", {}).get("sheet") if subject.theme else None
    if not night:
        return
    covered = _covered(subject)
    for element in subject.elements:
        style = read_style(element.attributes.get("style", ""))
        ink = colour_of(style.get("color", "")) or (
            colour_of(element.attributes.get("color", "")) if element.name == "font" else None
        )
        if not ink or (ratio := contrast(ink, night)) >= ENOUGH or _recoloured(element, covered):
            continue
        if not subject.text(element) or _own_ground(subject, element):
            continue
        # Asked last: to know where each element comes from takes longer than all rules on colours.
        if subject.of_issue(element):
            yield subject.at_element(
                CONTRAST_DARK,
                element,
                f"“{_said(subject, element)}” keeps its colour {ink} on {night} in dark mode:"
                f" a contrast of {ratio:.1f} : 1",
                hint="leave the colour to the theme, or give it a background of its own",
            )


def justified(subject: Subject) -> Iterator[Finding]:
    """Text that is spread to both margins."""
    for element in subject.elements:
        if read_style(element.attributes.get("style", "")).get("text-align") == "justify":
            yield subject.at_element(
                TEXT_JUSTIFIED,
                element,
                "this text is justified",
                hint="let it begin at one side: `text-align:left`",
            )


def _starts_after(elements: list[Element]) -> list[int]:
    """For each element, where the next one begins."""
    return [*(each.start for each in elements[1:]), 1 << 60][: len(elements)]


def _hidden(element: Element) -> bool:
    if element.name in {"head", "style", "script", "title"}:
        return True
    return _HIDDEN.search(element.attributes.get("style", "")) is not None


def _covered(subject: Subject) -> frozenset[str]:
    """What the mail's own rules for dark mode recolour: the last part of each of their selectors."""
    found: set[str] = set()
    for element in subject.elements:
        if element.name != "style":
            continue
        dark, selector = False, ""
        for part in read_css(subject.edition.html[element.inner : element.end]):
            if part.kind == "at":
                dark = "prefers-color-scheme" in part.value and "dark" in part.value
            elif part.kind == "selector":
                selector = part.name
            elif part.name == "color" and dark:
                found.update(each.split()[-1] for each in selector.split(",") if each.strip())
    return frozenset(found)


def _recoloured(element: Element, covered: frozenset[str]) -> bool:
    classes = element.attributes.get("class", "").split()
    names = {element.name, *(f".{each}" for each in classes), *(f"{element.name}.{each}" for each in classes)}
    return bool(names & covered)


def _in_mark(element: Element) -> bool:
    return any(each.name in {"sup", "sub"} for each in element.ancestors())


def _own_ground(subject: Subject, element: Element) -> bool:
    for each in (element, *element.ancestors()):
        if not subject.of_issue(each):
            return False
        if {"background", "background-color"} & read_style(each.attributes.get("style", "")).keys():
            return True
    return False


def _said(subject: Subject, element: Element) -> str:
    text = subject.text(element)
    return text if len(text) <= 40 else f"{text[:37]}…"


RULES = (THEME_CONTRAST, CONTRAST_LIGHT, CONTRAST_DARK, CONTRAST_INVERTED, FONT_SMALL, TEXT_JUSTIFIED)
LOOKS = (theme_contrast, legible, at_night, justified)
