"""Opening databases that are there, and saying in one line what is wrong with those that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError

from subscribers import StoreError, SubscriberStore, Tokens, open_engine
from subscribers.database import rehearsing, writing
from subscribers.database_url import without_password
from subscribers.errors import UnreachableError
from subscribers.keys import add_key
from subscribers.models import KeyPurpose

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine


def pragma(engine: Engine, name: str) -> object:
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_a_sqlite_file_forgets_nothing(sqlite_engine: Engine) -> None:
    settings = {name: pragma(sqlite_engine, name) for name in ("journal_mode", "synchronous", "foreign_keys")}

    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert pragma(sqlite_engine, "busy_timeout") == 30000


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.parent.rmdir(), "no such folder"),
        (lambda path: path.mkdir(), "this is a folder"),
        (
            lambda path: path.write_bytes(b"These are notes, and no database at all." * 50),
            "no SQLite database",
        ),
    ],
)
def test_what_is_no_sqlite_file_is_refused_in_one_line(tmp_path: Path, make, says: str) -> None:
    path = tmp_path / "folder" / "newsletter.db"
    path.parent.mkdir()
    make(path)
    before = path.read_bytes() if path.is_file() else None

    with pytest.raises(StoreError, match=says) as caught:
        open_engine(f"sqlite:///{path}")

    assert caught.value.exit_code == 3
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_server_that_is_not_there_is_refused_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not answer") as caught:
        open_engine(f"postgresql://ann:secret@/news?host={tmp_path}")

    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_whose_name_cannot_be_resolved_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 6761, 6.4: the name is never there; a resolver that does not answer is not waited for long."""
    monkeypatch.setenv("RES_OPTIONS", "timeout:1 attempts:1")
    with pytest.raises(UnreachableError, match=r"cannot be resolved: nowhere\.invalid") as caught:
        open_engine("postgresql://ann:secret@nowhere.invalid/news")

    assert "correct it" in caught.value.hint
    assert "secret" not in str(caught.value)


def test_a_password_that_was_not_encoded_is_told_of_and_not_shown() -> None:
    """An `@` in it would make its end a part of the host's name, which every message shows."""
    with pytest.raises(StoreError, match="has a `@` in it") as caught:
        open_engine("postgresql://ann:s3cr3t/p@ss@127.0.0.1:1/news")

    assert "%40" in caught.value.hint
    assert "s3cr3t" not in str(caught.value)
    assert "ss@" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@host/news", "postgresql://ann:***@host/news"),
        ("postgresql://ann:s/e?c@ret@host/news", "postgresql://ann:***@host/news"),
        ("postgresql://host/news?user=ann&password=secret", "postgresql://host/news?user=ann&password=***"),
        (
            "postgresql://ann@host:5433/news?sslmode=require",
            "postgresql://ann@host:5433/news?sslmode=require",
        ),
        ("sqlite:///newsletter.db", "sqlite:///newsletter.db"),
    ],
)
def test_no_password_of_a_database_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_options_of_the_url_are_kept_beside_our_own(postgres_engine: Engine) -> None:
    """A `search_path` that was ignored would make the tables in another schema."""
    url = postgres_engine.url.update_query_dict({"options": "-c search_path=elsewhere"})
    engine = open_engine(url.render_as_string(hide_password=False))
    with engine.connect() as connection:
        shown = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in ("search_path", "timezone")]
    engine.dispose()

    assert shown == ["elsewhere", "UTC"]


def test_a_database_that_is_not_there_is_no_server_that_is_not_there(postgres_server: str) -> None:
    with pytest.raises(StoreError, match="does not exist") as caught:
        open_engine(
            str(make_url(postgres_server).set(database="nowhere").render_as_string(hide_password=False))
        )

    assert "createdb" in caught.value.hint


@pytest.mark.parametrize("url", ["", "newsletter.db", "mysql://localhost/x", "sqlite"])
def test_what_is_no_database_url_is_refused(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_engine(url)

    assert "sqlite:///" in caught.value.hint


def test_writing_is_all_or_nothing(engine: Engine) -> None:
    statement = text("INSERT INTO attribute_name (name) VALUES ('x')")

    def twice() -> None:
        with writing(engine) as connection:
            connection.execute(statement)
            connection.execute(statement)

    with pytest.raises(IntegrityError):
        twice()
    with rehearsing(engine) as connection:
        connection.execute(statement)

    assert SubscriberStore(engine).attribute_names() == set()


class TestTokens:
    def test_a_token_is_short_and_tells_nothing(self, engine: Engine) -> None:
        profile, _ = SubscriberStore(engine).add("ann@example.com")

        token = Tokens(engine).sign("unsubscribe", profile.public_id)

        assert len(token) < 64
        assert "ann" not in token
        assert token.replace(".", "").replace("-", "").replace("_", "").isalnum()

    def test_a_token_is_read_by_another_process(self, engine: Engine) -> None:
        token = Tokens(engine).sign("unsubscribe", "abc")

        assert Tokens(engine).read("unsubscribe", token) == "abc"

    def test_a_token_is_good_for_its_action_only(self, engine: Engine) -> None:
        tokens = Tokens(engine)

        assert tokens.read("preferences", tokens.sign("unsubscribe", "abc")) is None

    @pytest.mark.parametrize(
        "forged", ["", ".", "ü.ü", "abc", "abc.", "{token}A", "b{token}", "abc.AAAAAAAAAAAAAAAAAAAAAA"]
    )
    def test_a_forged_token_is_nobodys(self, engine: Engine, forged: str) -> None:
        tokens = Tokens(engine)
        token = tokens.sign("unsubscribe", "abc")

        assert tokens.read("unsubscribe", forged.format(token=token)) is None

    def test_an_old_key_is_believed_and_the_newest_signs(self, engine: Engine) -> None:
        old = Tokens(engine).sign("unsubscribe", "abc")
        add_key(engine, KeyPurpose.LINKS)

        new = Tokens(engine).sign("unsubscribe", "abc")

        assert old != new
        assert {Tokens(engine).read("unsubscribe", token) for token in (old, new)} == {"abc"}
