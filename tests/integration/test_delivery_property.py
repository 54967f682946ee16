"""Whatever a provider does, and however often a run ends early: the ledger adds up and nobody gets two mails."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from fakes.dispatching import fill, names, plan, run
from fakes.providers import GONE, ScriptedProvider
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from newsletter.delivery import Backoff, DispatchState, Limits, log, status
from newsletter.delivery.models import BATCH
from newsletter.errors import ProviderError
from newsletter.measures import Share
from newsletter.providers import Verdict
from subscribers import open_engine

BUG = ZeroDivisionError("a bug")
FAULTS = [*Verdict, None, GONE, BUG]
PEOPLE = 9
LIMITS = [
    Limits(),
    Limits(rate=2.0),
    Limits(domains={"example.com": 3.0}),
    Limits(stop_after=Share(60, 5)),
]


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    answers=st.lists(st.sampled_from(FAULTS), max_size=30),
    window=st.integers(1, 5),
    batch_size=st.integers(1, 9),
    tries=st.integers(1, 3),
    limits=st.sampled_from(LIMITS),
)
@example(answers=[None, GONE], window=2, batch_size=2, tries=1, limits=Limits())
def test_every_recipient_ends_with_one_outcome_and_at_most_one_mail(
    tmp_path: Path,
    sqlite_template: Path,
    answers: list[object],
    window: int,
    batch_size: int,
    tries: int,
    limits: Limits,
) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "newsletter.db")
    for journal in tmp_path.glob("newsletter.db-*"):
        journal.unlink()
    engine = open_engine(f"sqlite:///{tmp_path}/newsletter.db")
    waiting = iter(answers)
    provider = ScriptedProvider(
        lambda message: next(waiting, Verdict.ACCEPTED), window=window, batch_size=batch_size
    )
    try:
        fill(engine, PEOPLE)
        plan(engine, provider)
        for _ in range(len(answers) + 1):
            with suppress(ProviderError, ZeroDivisionError):
                run(engine, provider, backoff=Backoff(tries=tries), limits=limits)
            now = status(engine, "issue-1")
            with engine.connect() as connection:
                held = connection.scalar(select(func.sum(BATCH.c.pending)))
            assert now.pending == held
        lines = list(log(engine, "issue-1"))
    finally:
        engine.dispose()

    assert now.state is DispatchState.FINISHED
    assert sorted(line.email for line in lines) == sorted(names(*range(1, PEOPLE + 1)))
    assert max(provider.taken.values(), default=0) <= 1
    for line in lines:
        certain = {"accepted": 1, "rejected": 0, "failed": 0}
        assert line.state in {*certain, "uncertain"}
        assert line.state not in certain or provider.taken[line.email] == certain[line.state]
