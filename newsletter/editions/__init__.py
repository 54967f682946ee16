"""Editions: an Issue compiled once with its Theme, and what its merge tags are for one recipient."""

from newsletter.editions.attaching import read_attached, with_web_images
from newsletter.editions.compiler import compile_issue, compile_mjml
from newsletter.editions.edition import Attachment, Edition, Slot
from newsletter.editions.ejecting import eject_theme
from newsletter.editions.media import Image, publish, read_images
from newsletter.editions.merge import (
    Choice,
    Context,
    Evaluator,
    Literal,
    MissingValue,
    Piece,
    Value,
    chosen,
    render,
    split,
)
from newsletter.editions.press import Pressed, find_issue, press
from newsletter.editions.slots import LINKS, STANDARD_FIELDS
from newsletter.editions.theme import Theme, load_theme, theme_names

__all__ = [
    "LINKS",
    "STANDARD_FIELDS",
    "Attachment",
    "Choice",
    "Context",
    "Edition",
    "Evaluator",
    "Image",
    "Literal",
    "MissingValue",
    "Piece",
    "Pressed",
    "Slot",
    "Theme",
    "Value",
    "chosen",
    "compile_issue",
    "compile_mjml",
    "eject_theme",
    "find_issue",
    "load_theme",
    "press",
    "publish",
    "read_attached",
    "read_images",
    "render",
    "split",
    "theme_names",
    "with_web_images",
]
