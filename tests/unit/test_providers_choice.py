"""Which provider the settings mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from newsletter.config import Publication, Settings
from newsletter.errors import ConfigError
from newsletter.providers import PROVIDERS, make_provider

if TYPE_CHECKING:
    from pathlib import Path


def publication(root: Path, **sections: object) -> Publication:
    values = {"publication": {"name": "News", "from": "News <news@example.com>"}, **sections}
    return Publication(root, Settings.model_validate(values))


@pytest.mark.parametrize("name", PROVIDERS)
def test_each_provider_is_made_by_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.key")

    provider = make_provider(name, publication(tmp_path))

    assert provider.name == name
    assert provider.describe().startswith(f"{name} at ")
    assert 1 <= provider.window <= 1000
    assert provider.batch_size <= 1000


def test_an_unknown_provider_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`sendgird` is no provider") as caught:
        make_provider("sendgird", publication(tmp_path))

    assert caught.value.hint == "did you mean `sendgrid`?"


def test_sendgrid_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="API key of SendGrid is not set"):
        make_provider("sendgrid", publication(tmp_path))


def test_a_password_comes_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    smtp = {"host": "relay.example.com", "tls": "starttls", "username": "press", "password_file": "password"}

    provider = make_provider("smtp", publication(tmp_path, smtp=smtp))

    assert provider.login.password.get_secret_value() == "secret"
    assert "secret" not in repr(provider.login)


@pytest.mark.parametrize(
    ("host", "refused"), [("relay.example.com", True), ("127.0.0.1", False), ("localhost", False)]
)
def test_a_password_does_not_travel_unencrypted(tmp_path: Path, host: str, refused: bool) -> None:
    (tmp_path / "password").write_text("secret\n")
    made = publication(tmp_path, smtp={"host": host, "username": "press", "password_file": "password"})

    if refused:
        with pytest.raises(ConfigError, match="unencrypted"):
            make_provider("smtp", made)
    else:
        assert make_provider("smtp", made).login is not None


@pytest.mark.parametrize(
    ("sendgrid", "place"),
    [
        ({}, "https://api.sendgrid.com"),
        ({"region": "eu"}, "https://api.eu.sendgrid.com"),
        ({"region": "eu", "host": "http://127.0.0.1:8081/"}, "http://127.0.0.1:8081"),
    ],
)
def test_sendgrid_is_where_the_region_or_the_host_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sendgrid: dict[str, str], place: str
) -> None:
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.key")

    provider = make_provider("sendgrid", publication(tmp_path, sendgrid=sendgrid))

    assert provider.describe() == f"sendgrid at {place}"
    with provider.connect() as connection:
        assert connection.host == place


def test_the_key_of_sendgrid_does_not_travel_unencrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.key")

    with pytest.raises(ConfigError, match="unencrypted"):
        make_provider("sendgrid", publication(tmp_path, sendgrid={"host": "http://mail.example.com"}))


@pytest.mark.parametrize(
    "categories", [["a", "a"], [""], ["c" * 256], [f"c{number}" for number in range(11)]]
)
def test_categories_that_sendgrid_would_refuse_are_none(tmp_path: Path, categories: list[str]) -> None:
    with pytest.raises(ValueError, match="at most ten different names"):
        publication(tmp_path, sendgrid={"categories": categories})
