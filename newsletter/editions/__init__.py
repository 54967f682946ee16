"""Editions: an Issue compiled once with its Theme, and what its merge tags are for one recipient."""

from newsletter.editions.attaching import read_attached, with_web_images
from newsletter.editions.compiler import compile_issue, compile_mjml
from newsletter.editions.contrast import ENOUGH, contrast, faint
from newsletter.editions.cutting import Choice, Context, Literal, Piece, Value, split
from newsletter.editions.edition import Attachment, Edition, Slot
from newsletter.editions.ejecting import eject_theme
from newsletter.editions.elements import Element, inner_text, read_elements
from newsletter.editions.media import Image, publish, read_images
from newsletter.editions.merge import Evaluator, MissingValue, chosen, render
from newsletter.editions.places import Place, element_places, with_lines
from newsletter.editions.press import Pressed, find_issue, press
from newsletter.editions.slots import LINKS, STANDARD_FIELDS
from newsletter.editions.theme import SETTINGS_FILE, Theme, load_theme, theme_names
from newsletter.editions.theme_images import read_theme_images
from newsletter.editions.theme_settings import line_of
from newsletter.editions.weights import Weight, weigh

__all__ = [
    "ENOUGH",
    "LINKS",
    "SETTINGS_FILE",
    "STANDARD_FIELDS",
    "Attachment",
    "Choice",
    "Context",
    "Edition",
    "Element",
    "Evaluator",
    "Image",
    "Literal",
    "MissingValue",
    "Piece",
    "Place",
    "Pressed",
    "Slot",
    "Theme",
    "Value",
    "Weight",
    "chosen",
    "compile_issue",
    "compile_mjml",
    "contrast",
    "eject_theme",
    "element_places",
    "faint",
    "find_issue",
    "inner_text",
    "line_of",
    "load_theme",
    "press",
    "publish",
    "read_attached",
    "read_elements",
    "read_images",
    "read_theme_images",
    "render",
    "split",
    "theme_names",
    "weigh",
    "with_lines",
    "with_web_images",
]
