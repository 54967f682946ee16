"""Settings come from the file and the environment, and whatever is wrong with them is told in their own words."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from newsletter.config import load_publication, split_mailbox
from newsletter.config.showing import as_toml, settings_document, settings_shown
from newsletter.errors import ConfigError

LEAST = '[publication]\nname = "Letter"\nfrom = "Letter <a@example.com>"\n'


def publication(root: Path, text: str = LEAST, **overrides: dict[str, object]):
    """The publication whose settings are *text*."""
    (root / "newsletter.toml").write_text(text, encoding="utf-8")
    return load_publication(root, overrides)


def test_a_name_and_a_sender_are_enough(tmp_path: Path) -> None:
    """Everything else has a default: a file beside the settings, an outbox, the digest theme."""
    made = publication(tmp_path)

    assert made.database_url == f"sqlite:///{tmp_path}/newsletter.db"
    assert (made.outbox, made.settings.delivery.provider) == (tmp_path / "outbox", "outbox")
    assert made.settings.publication.theme == "digest"


def test_it_is_found_from_a_folder_below(tmp_path: Path) -> None:
    """As Git finds its repository."""
    publication(tmp_path)
    (tmp_path / "issues" / "old").mkdir(parents=True)

    assert load_publication(tmp_path / "issues" / "old").root == tmp_path


def test_flags_beat_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In that order."""
    text = LEAST + '[smtp]\nhost = "file"\nport = 1\n[outbox]\npath = "file"\n'
    monkeypatch.setenv("NEWSLETTER_SMTP__HOST", "environment")
    monkeypatch.setenv("NEWSLETTER_OUTBOX__PATH", "environment")
    settings = publication(tmp_path, text, smtp={"host": "flag"}).settings

    assert (settings.smtp.host, settings.smtp.port, settings.outbox.path) == ("flag", 1, "environment")


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        (LEAST + "[smpt]\n", "`smpt` is not a setting", "did you mean `smtp`?"),
        (LEAST + '[delivery]\nprovider = "sntp"\n', "does not fit", "did you mean `smtp`?"),
        (LEAST + '[delivery]\nprovider = "pigeon"\n', "does not fit", "correct the value"),
        (LEAST + '[smtp]\nhots = "x"\n', "`smtp.hots` is not a setting", "did you mean `host`?"),
        (LEAST + "reply = 1\n", "`publication.reply` is not a setting", "did you mean `reply_to`?"),
        (LEAST + '[delivery]\nrate = "fast"\n', "`delivery.rate` is no rate", ""),
        (LEAST + "[smtp]\nport = 0\n", "`smtp.port` has a value that does not fit", ""),
        (LEAST + 'url = "news.example.com"\n', "`publication.url` is no web address", ""),
        ('[publication]\nname = "x"\nfrom = "x"\n', "`publication.from` is no mailbox", ""),
        ('[publication]\nname = "x"\n', "`publication.from` is missing", "from"),
        ("", "`publication` is missing", "[publication]"),
        ("[", "this is no TOML", "text in quotes"),
        (LEAST + "[delivery]\nrate = 50\n", "`delivery.rate` is no text; write it in quotes", "correct"),
        (LEAST + '[delivery]\nwarm_up = "500"\n', "`delivery.warm_up` is no list", "correct"),
        (LEAST + 'language = "english"\n', "`publication.language` is no language tag", "correct"),
        (LEAST + '[smtp]\nport = "abc"\n', "`smtp.port` is no whole number", "correct"),
        (
            LEAST + '[smtp]\nreturn_path = "newsletter-and-its-bounces@example.com"\n',
            "`smtp.return_path` is too long an address for bounces",
            "correct",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_a_hint(tmp_path: Path, text: str, what: str, hint: str) -> None:
    """The key as it is written, and the nearest that is known."""
    with pytest.raises(ConfigError) as caught:
        publication(tmp_path, text)

    assert what in caught.value.what
    assert hint in caught.value.hint
    assert caught.value.where == str(tmp_path / "newsletter.toml")


def test_a_wrong_variable_is_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as a fault of the file."""
    monkeypatch.setenv("NEWSLETTER_SMTP__PORT", "many")

    with pytest.raises(ConfigError) as caught:
        publication(tmp_path)

    assert caught.value.where == "NEWSLETTER_SMTP__PORT"


def test_a_secret_comes_from_its_file_or_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is shown to nobody."""
    made = publication(tmp_path)
    (tmp_path / "key").write_text("s3cret\n", encoding="utf-8")
    monkeypatch.setenv("SOME_KEY", "other")

    assert made.secret("key", "SOME_KEY", what="the key").get_secret_value() == "s3cret"
    assert made.secret(None, "SOME_KEY", what="the key").get_secret_value() == "other"
    assert "s3cret" not in repr(made.secret("key", "SOME_KEY", what="the key"))
    for file, variable in (("none", "SOME_KEY"), (None, "NO_KEY")):
        with pytest.raises(ConfigError):
            made.secret(file, variable, what="the key")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ann@example.com", ("", "ann@example.com")),
        ("Ann <ann@example.com>", ("Ann", "ann@example.com")),
        ("Smith, Ann <ann@example.com>", ("Smith, Ann", "ann@example.com")),
        ('"A \\"q\\" <B>" <ann@example.com>', ('A "q" <B>', "ann@example.com")),
        ("Ann <ann>", ("", "")),
        ("a@b <c@d> <e@f>", ("", "")),
    ],
)
def test_a_mailbox_is_read_as_people_write_it(text: str, parts: tuple[str, str]) -> None:
    """Also with a comma that RFC 5322 would have in quotes."""
    assert split_mailbox(text) == parts


def test_settings_are_shown_as_the_file_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With who set them; what is shown of the file's sections is TOML that says the same again."""
    monkeypatch.setenv("NEWSLETTER_SMTP__PORT", "2525")
    text = '[delivery]\nwarm_up = [50, 100]\n[delivery.domains]\n"gmail.com" = "5/second"\n'
    text += '[smtp.dkim]\nselector = "s1"\nkey_file = "k"\n'
    made = publication(tmp_path, LEAST + text)
    shown = {key: (value, source) for key, value, source in settings_shown(made.settings)}

    assert shown["publication.from"] == ('"Letter <a@example.com>"', "file")
    assert shown["publication.reply_to"] == ("not set", "default")
    assert shown["delivery.warm_up"] == ("[50, 100]", "file")
    assert shown["delivery.domains"] == ('{ "gmail.com" = "5/second" }', "file")
    assert shown["smtp.dkim"] == ('{ selector = "s1", key_file = "k" }', "file")
    assert shown["smtp.port"] == ("2525", "environment")
    assert shown["smtp.timeout"] == ("30.0", "default")
    for key, (value, _) in shown.items():
        if value != "not set":
            tomllib.loads(f"{key} = {value}")


@pytest.mark.parametrize(
    ("variable", "instead"),
    [
        ("NEWSLETTER_SMTP__PASSWORD", "NEWSLETTER_SMTP_PASSWORD"),
        ("NEWSLETTER_BOUNCES__PASSWORD", "NEWSLETTER_IMAP_PASSWORD"),
        ("NEWSLETTER_SENDGRID__API_KEY", "SENDGRID_API_KEY"),
    ],
)
def test_a_secret_that_is_no_setting_is_told_where_it_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, instead: str
) -> None:
    """And which variable has it, not the file; what it is, is not shown."""
    monkeypatch.setenv(variable, "hunter2")
    with pytest.raises(ConfigError, match="is not a setting") as caught:
        publication(tmp_path, LEAST)

    assert (caught.value.where, instead in caught.value.hint) == (variable, True)
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"


def test_the_password_of_the_database_is_not_shown(tmp_path: Path) -> None:
    made = publication(tmp_path, LEAST + '[database]\nurl = "postgresql://ann:s3cr3t@db/news"\n')
    shown = {key: value for key, value, _ in settings_shown(made.settings)}

    assert shown["database.url"] == '"postgresql://ann:***@db/news"'
    assert "s3cr3t" not in str(settings_document(made.settings))


@given(st.text())
def test_any_text_is_shown_as_a_string_of_toml(text: str) -> None:
    assume(not any("\ud800" <= character <= "\udfff" for character in text))

    assert tomllib.loads(f"key = {as_toml(text)}") == {"key": text}


def test_what_is_no_toml_is_told_with_line_and_column(tmp_path: Path) -> None:
    """As an editor jumps to it."""
    with pytest.raises(ConfigError) as caught:
        publication(tmp_path, "[publication]\nname = Letter\n")

    assert caught.value.where == f"{tmp_path}/newsletter.toml:2:8"


def test_a_variable_that_is_no_setting_is_named_as_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looks for it in the file."""
    monkeypatch.setenv("NEWSLETTER_DELIVERY__PROVDER", "smtp")
    with pytest.raises(ConfigError) as caught:
        publication(tmp_path)

    assert caught.value.where == "NEWSLETTER_DELIVERY__PROVDER"
    assert caught.value.hint == "did you mean `provider`?"
