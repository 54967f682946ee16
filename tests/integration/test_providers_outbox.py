"""The outbox: one file per recipient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes.editions import message, messages

from newsletter.errors import ProviderError
from newsletter.providers import Outcome, Verdict
from newsletter.providers.outbox import OutboxProvider

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_message_becomes_a_file_named_by_its_delivery_id(tmp_path: Path) -> None:
    batch = messages(3)
    with OutboxProvider(tmp_path / "outbox").connect("issue-1") as connection:
        outcomes = list(connection.send(batch))

    assert outcomes == [Outcome(f"d{n}", Verdict.ACCEPTED, provider_id=f"d{n}.eml") for n in (1, 2, 3)]
    folder = tmp_path / "outbox" / "issue-1"
    assert names(folder) == ["d1.eml", "d2.eml", "d3.eml"]
    assert (folder / "d2.eml").read_bytes() == batch[1].as_bytes()


def test_writing_again_replaces(tmp_path: Path) -> None:
    with OutboxProvider(tmp_path).connect("issue-1") as connection:
        connection.send([message(text="before")])
        connection.send([message(text="after")])

    assert names(tmp_path / "issue-1") == ["d1.eml"]
    assert b"after" in (tmp_path / "issue-1" / "d1.eml").read_bytes()


def test_a_path_that_is_a_file_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("no folder")

    with (
        pytest.raises(ProviderError, match="the outbox cannot be written") as caught,
        OutboxProvider(tmp_path / "outbox").connect(),
    ):
        pass

    assert caught.value.hint


def test_what_cannot_be_written_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "issue-1" / "d1.eml").mkdir(parents=True)

    with (
        OutboxProvider(tmp_path).connect("issue-1") as connection,
        pytest.raises(ProviderError, match="the outbox cannot be written"),
    ):
        connection.send([message()])

    assert names(tmp_path / "issue-1") == ["d1.eml"]
