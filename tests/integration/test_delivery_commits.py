"""A commit of which nobody learns whether it was done: the connection is lost while the database answers.

Each commit of a dispatch is lost once, in its turn, before it was done and after it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import fill, names, plan, run, those_in
from fakes.providers import ScriptedProvider
from sqlalchemy.exc import OperationalError

from newsletter.delivery import DispatchState, status
from newsletter.delivery.pace import Limits
from newsletter.errors import DeliveryError
from newsletter.providers import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

EVERYBODY = names(1, 2, 3, 4)


class Lossy:
    """Lets the *number*-th commit of an engine be the last that its connection hears of."""

    def __init__(self, engine: Engine, number: int, *, done: bool) -> None:
        self._commit: Callable[[object], None] = engine.dialect.do_commit
        self._number = number
        self._done = done
        self.commits = 0

    def __call__(self, connection: object) -> None:
        self.commits += 1
        if self.commits == self._number and not self._done:
            raise OperationalError("COMMIT", None, Exception("the connection was lost"))
        self._commit(connection)
        if self.commits == self._number:
            raise OperationalError("COMMIT", None, Exception("the connection was lost"))


def judge(message: object) -> Verdict:
    """One is refused, and one is not taken the first time."""
    return {"reader2@example.com": Verdict.REJECTED, "reader3@example.com": Verdict.DEFERRED}.get(
        message.email, Verdict.ACCEPTED
    )


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
def test_nobody_is_lost_or_doubled_whichever_commit_is_lost(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    """Whoever was in flight is in doubt, or on record; everybody else is gone on with."""
    fill(engine, 4)
    number, lost = 0, True
    while lost:
        number += 1
        provider = ScriptedProvider(judge, batch_size=2)
        name = plan(engine, provider, again=number > 1).dispatch
        lossy = Lossy(engine, number, done=done)
        with monkeypatch.context() as patch:
            patch.setattr(engine.dialect, "do_commit", lossy)
            with suppress(DeliveryError):
                run(engine, provider, name, limits=Limits(rate=1000.0))
        lost = lossy.commits >= number
        run(engine, provider, name, limits=Limits(rate=1000.0))

        accepted, doubtful = those_in(engine, "accepted", name), those_in(engine, "uncertain", name)
        assert status(engine, name).state is DispatchState.FINISHED
        assert set(provider.taken.values()) == {1}, f"commit {number}"
        assert accepted <= set(provider.taken) <= accepted | doubtful
        assert len(doubtful) <= provider.window
        refused = those_in(engine, "rejected", name) | those_in(engine, "failed", name)
        assert refused | accepted | doubtful == EVERYBODY
    assert number > 10, number
