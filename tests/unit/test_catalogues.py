"""The catalogues of translations: complete, true to their placeholders, and fresh; and who gets which."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from newsletter.catalogues import (
    LANGUAGES,
    TRANSLATED,
    catalogue_path,
    choose,
    preferred,
    spoken,
    translated,
)

ROOT = Path(__file__).resolve().parent.parent.parent
_spec = importlib.util.spec_from_file_location("catalogues", ROOT / "docs" / "catalogues.py")
assert _spec is not None
assert _spec.loader is not None
catalogues = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(catalogues)


@pytest.fixture(scope="module")
def texts():
    return catalogues.template()


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_has_every_text_with_its_placeholders_and_no_other(language, texts):
    """`make messages` was run after the last change of a text, and what it asked for was translated."""
    content, missing = catalogues.updated(language, texts)

    assert missing == []
    assert catalogue_path(language).read_bytes() == content


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_has_no_errors(language):
    """Babel's own checks: formats that can be filled in."""
    with catalogue_path(language).open("rb") as source:
        catalogue = read_po(source, locale=language)

    assert [(message.id, errors) for message, errors in catalogue.check()] == []


def test_there_are_texts_of_templates_and_of_the_program(texts):
    ids = {message.id for message in texts if message.id}

    assert {"Subscribe", "Please confirm: %(publication)s", "There is nothing here"} <= ids
    assert len(ids) > 100


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Subscribe"), ("de", "Abonnieren"), ("fr", "S’abonner"), ("es", "Suscribirse"), ("zh", "订阅")],
)
def test_a_text_is_said_in_a_language(language, text):
    assert translated("Subscribe", language) == text


def test_values_are_filled_in():
    assert translated("Receive %(publication)s?", "de", publication="100 %") == "100 % abonnieren?"


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("zh-Hant-TW", "zh"),
        ("AR_eg", "ar"),
        ("fr_CA", "fr"),
        ("nl", None),
        ("", None),
        (None, None),
        ("../../etc", None),
        ("x" * 5000, None),
    ],
)
def test_who_reads_a_language_is_spoken_to_in_it(tag, language):
    assert spoken(tag) == language


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"),
        ("nl, de;q=0.5, en;q=0.7", "en"),
        ("nl", None),
        ("*", None),
        ("de;q=0", None),
        ("de;q=x, es", "es"),
        ("", None),
    ],
)
def test_what_a_browser_likes_best_of_what_we_speak(accept, language):
    assert preferred(accept) == language


@given(st.text(max_size=200))
def test_no_header_is_too_strange(accept):
    assert preferred(accept) in {None, *LANGUAGES}
    assert choose(accept, None) in LANGUAGES


def test_the_first_wish_that_can_be_met_wins():
    assert choose("nl", None, "ar-MA", "de") == "ar"
    assert choose("nl") == "en"
