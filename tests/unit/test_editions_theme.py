"""Themes: what is read from where, and that the colours of the built-in one can be read by everybody."""

from __future__ import annotations

import re
from datetime import date

import pytest

from newsletter.editions.contrast import PAIRS, contrast, faint
from newsletter.editions.ejecting import eject_theme
from newsletter.editions.language import direction_of, full_date, in_language, long_date
from newsletter.editions.theme import MAIN_FILE, load_theme, theme_names
from newsletter.errors import ThemeError

DIGEST = load_theme("digest")
THEMES = theme_names()
WEB_OR_FILE = "write `https://…`, or the name of a PNG, JPEG, GIF or WebP beside this file"


def test_contrast_is_computed_as_wcag_does():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", THEMES)
def test_every_text_colour_has_the_contrast_of_wcag_aa_on_every_surface(name):
    assert {"ink", "soft", "accent", "on_accent", "hero_ink"} == {text for text, _ in PAIRS}
    assert faint(load_theme(name)) == []


def test_a_colour_that_is_hard_to_read_is_named_with_what_is_behind_it(tmp_path):
    (tmp_path / "digest").mkdir()
    (tmp_path / "digest" / "theme.toml").write_text('[dark]\naccent = "#444444"\n', encoding="utf-8")
    found = faint(load_theme("digest", tmp_path))
    assert {(each.mode, each.text, each.surface) for each in found} == {
        ("dark", "accent", "page"),
        ("dark", "accent", "sheet"),
        ("dark", "accent", "panel"),
        ("dark", "on_accent", "accent"),
    }


@pytest.mark.parametrize("name", THEMES)
def test_every_language_has_every_label(name):
    labels = load_theme(name).settings["labels"]
    assert {"en", "de", "fr", "es"} <= labels.keys()
    assert {language: table.keys() for language, table in labels.items()} == dict.fromkeys(
        labels, labels["en"].keys()
    )


@pytest.mark.parametrize("name", THEMES)
def test_a_label_keeps_the_places_of_its_english_original(name):
    labels = load_theme(name).settings["labels"]
    for table in labels.values():
        for key, text in table.items():
            assert re.findall(r"{\w+}", text) == re.findall(r"{\w+}", labels["en"][key])


def test_an_unknown_theme_is_an_error_with_the_nearest_name():
    with pytest.raises(ThemeError) as raised:
        load_theme("digset")
    assert raised.value.hint == "did you mean `digest`?"


@pytest.mark.parametrize("name", ["../digest", "/etc", "", ".", "digest/../digest"])
def test_a_name_that_is_a_path_is_no_theme(name, tmp_path):
    with pytest.raises(ThemeError):
        load_theme(name, tmp_path)


def test_files_of_the_publication_replace_the_built_in_ones(tmp_path):
    own = tmp_path / "digest"
    own.mkdir()
    (own / "footer.mjml.j2").write_text("own footer", encoding="utf-8")
    theme = load_theme("digest", tmp_path)
    assert theme.files["footer.mjml.j2"] == "own footer"
    assert theme.files[MAIN_FILE] == DIGEST.files[MAIN_FILE]
    assert theme.place("footer.mjml.j2") == str(own / "footer.mjml.j2")


def test_keys_of_the_publication_replace_the_built_in_ones(tmp_path):
    own = tmp_path / "digest"
    own.mkdir()
    (own / "theme.toml").write_text('[light]\naccent = "#000000"\n', encoding="utf-8")
    settings = load_theme("digest", tmp_path).settings
    assert settings["light"] == {**DIGEST.settings["light"], "accent": "#000000"}
    assert settings["dark"] == DIGEST.settings["dark"]


def test_a_theme_of_the_publication_alone_needs_its_main_file(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(ThemeError, match=MAIN_FILE):
        load_theme("mine", tmp_path)
    (tmp_path / "mine" / MAIN_FILE).write_text("<mjml></mjml>", encoding="utf-8")
    assert load_theme("mine", tmp_path).name == "mine"


def test_a_broken_theme_toml_is_an_error_that_names_the_file(tmp_path):
    (tmp_path / "digest").mkdir()
    (tmp_path / "digest" / "theme.toml").write_text("width = ", encoding="utf-8")
    with pytest.raises(ThemeError, match="no TOML") as raised:
        load_theme("digest", tmp_path)
    assert raised.value.where.endswith("theme.toml")


@pytest.mark.parametrize(
    ("toml", "what", "hint"),
    [
        ("widht = 600", "`widht` is not a setting", "did you mean `width`?"),
        ('\n[light]\nacent = "#000000"', "`light.acent` is not a setting", "did you mean `accent`?"),
        ('[ligth] # here\naccent = "#000000"', "`ligth` is not a setting", "did you mean `light`?"),
        ('[labels.de]\nunsubscibe = "Ab"', "`labels.de.unsubscibe`", "did you mean `unsubscribe`?"),
        ('[labels.de]\nby = "Von {autor}"', "no value for `{autor}`", "as `By {authors}`"),
        (
            '[labels."?"] # here\nby = "x"',
            "no table of a language",
            "write `[labels.en]` or `[labels.pt-BR]`",
        ),
        ('labels = "de"', "`labels` is no table", "write `[labels.en]` on a line of its own"),
        ('light = "red"', "`light` is no table", "write `[light]` on a line of its own, its keys below"),
        ('[light]\naccent = "red"', "is no colour: `red`", "write six hexadecimal digits: `#0b5a9c`"),
        ("[light]\naccent = 0", "is no text", 'put it in quotes: `accent = "…"`'),
        ("width = 2000", "is no fitting number of pixels", "write a number from 320 to 700"),
        ('width = "600"', "is no fitting number of pixels", "write a number from 320 to 700"),
        ("text_size = true", "is no fitting number of pixels", "write a number from 14 to 24"),
        ('logo = "logo.svg"', "is no address of an image", WEB_OR_FILE),
        ('logo = "/logo.png"', "is no address of an image", WEB_OR_FILE),
        ("[fonts]\ntext = 'a; b'", "is no list of fonts", "write `'Name of a font', Georgia, serif`"),
        ("nonsense = 1", "is not a setting", "its own keys a theme keeps under `[extra]`"),
    ],
)
def test_a_wrong_setting_is_an_error_with_its_line_and_how_to_mend_it(toml, what, hint, tmp_path):
    (tmp_path / "digest").mkdir()
    (tmp_path / "digest" / "theme.toml").write_text(f"# mine\n{toml}\n", encoding="utf-8")
    with pytest.raises(ThemeError) as raised:
        load_theme("digest", tmp_path)
    assert what in raised.value.what
    assert raised.value.hint == hint
    line = 2 if "# here" in toml else len(toml.splitlines()) + 1
    assert raised.value.where == f"{tmp_path / 'digest' / 'theme.toml'}:{line}"


def test_a_theme_may_have_settings_of_its_own_under_extra(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / MAIN_FILE).write_text("<mjml></mjml>", encoding="utf-8")
    (tmp_path / "mine" / "theme.toml").write_text("[extra]\nmotto = 'x'\nsizes = [1, 2]\n", encoding="utf-8")
    assert load_theme("mine", tmp_path).settings["extra"] == {"motto": "x", "sizes": [1, 2]}


def test_a_theme_of_the_publication_has_the_shared_files_and_settings_below_its_own(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / MAIN_FILE).write_text("<mjml></mjml>", encoding="utf-8")
    mine = load_theme("mine", tmp_path)
    assert mine.files["footer.mjml.j2"] == DIGEST.files["footer.mjml.j2"]
    assert mine.settings["labels"] == DIGEST.settings["labels"]
    assert theme_names(tmp_path) == sorted([*THEMES, "mine"])


def test_the_shared_files_are_no_theme():
    assert "_shared" not in THEMES
    with pytest.raises(ThemeError, match="no theme"):
        load_theme("_shared")


@pytest.mark.parametrize("name", THEMES)
def test_every_theme_says_what_it_is_for(name):
    assert 20 < len(load_theme(name).settings["about"]) < 100


class TestEjecting:
    """A designer gets every file of a theme, and never loses one."""

    def test_the_copy_is_complete_and_is_the_same_theme_under_any_name(self, tmp_path):
        letter = load_theme("letter")
        written = eject_theme(letter, tmp_path / "mine")
        mine = load_theme("mine", tmp_path)
        assert [path.name for path in written] == list(letter.files)
        assert mine.files == letter.files
        assert mine.settings == letter.settings
        assert {*mine.places.values()} == {*map(str, written)}

    def test_a_file_that_is_there_stops_it_before_anything_is_written(self, tmp_path):
        (tmp_path / "theme.toml").write_text("mine", encoding="utf-8")
        with pytest.raises(ThemeError, match="already") as raised:
            eject_theme(DIGEST, tmp_path)
        assert raised.value.hint == "add `--force` to replace it"
        assert [path.name for path in tmp_path.iterdir()] == ["theme.toml"]
        assert (tmp_path / "theme.toml").read_text(encoding="utf-8") == "mine"

    def test_force_replaces_it(self, tmp_path):
        (tmp_path / "theme.toml").write_text("mine", encoding="utf-8")
        eject_theme(DIGEST, tmp_path, force=True)
        assert (tmp_path / "theme.toml").read_text(encoding="utf-8") == DIGEST.files["theme.toml"]

    def test_a_folder_that_cannot_be_made_is_an_error(self, tmp_path):
        (tmp_path / "file").write_text("", encoding="utf-8")
        with pytest.raises(ThemeError, match="cannot be written"):
            eject_theme(DIGEST, tmp_path / "file" / "mine")


def test_a_theme_file_that_is_no_text_is_an_error(tmp_path):
    (tmp_path / "digest").mkdir()
    (tmp_path / "digest" / "x.mjml.j2").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ThemeError, match="UTF-8"):
        load_theme("digest", tmp_path)


def test_dates_are_written_as_in_the_language_of_the_issue():
    day = date(2026, 4, 11)
    assert full_date(day, "en") == "Saturday, April 11, 2026"
    assert full_date(day, "de-AT") == "Samstag, 11. April 2026"
    assert long_date(day, "fr") == "11 avril 2026"
    assert long_date(day, "xx-nonsense") == "April 11, 2026"


def test_the_direction_follows_from_the_language():
    assert [direction_of(language) for language in ("en", "ar", "he-IL", "fa", "zh-Hant")] == [
        "ltr",
        "rtl",
        "rtl",
        "rtl",
        "ltr",
    ]


def test_labels_fall_back_to_the_language_without_region_and_then_to_english():
    table = {"en": 1, "de": 2, "pt-BR": 3}
    assert [in_language(table, language) for language in ("de-CH", "pt-BR", "pt", "fi")] == [2, 3, 1, 1]
