"""The pace: one budget for all processes on a database, whatever they take from it and whenever."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import Clock, fill, means, names, plan, run, those_in
from fakes.providers import ScriptedProvider
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from newsletter.delivery import DispatchState, Limits, pause, run_dispatch, status
from newsletter.delivery.models import BATCH
from newsletter.delivery.pace import Pace
from newsletter.delivery.pacing_tables import BUDGET
from newsletter.measures import QuietHours, find_zone
from newsletter.providers import Verdict
from subscribers import writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.delivery import Progress
    from newsletter.messages import Message

BERLIN = find_zone("Europe/Berlin")
ROOMY = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def paces(engine: Engine, limits: Limits, count: int = 1) -> tuple[Clock, list[Pace]]:
    """So many processes' views of one budget, and the clock of all of them."""
    clock = Clock()
    return clock, [Pace(engine, "smtp", limits, clock) for _ in range(count)]


def seconds(clock: Clock) -> float:
    return (clock.now - Clock().now).total_seconds()


@ROOMY
@given(
    takes=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 20)), min_size=1, max_size=20),
    rate=st.floats(5, 100),
)
def test_the_rate_is_never_exceeded_by_all_processes_together(
    engine: Engine, takes: list[tuple[int, int]], rate: float
) -> None:
    """Whatever was let pass before, to any process, is paid for in time when more is let pass."""
    with writing(engine) as connection:
        connection.execute(delete(BUDGET))
    clock, processes = paces(engine, Limits(rate=rate), 3)
    taken = 0

    for process, count in takes:
        grant = processes[process].take("", count)
        clock.wait(grant.wait)
        assert grant.count == count
        assert taken <= seconds(clock) * rate + 1e-2
        taken += count


def test_time_without_mail_is_not_saved_up(engine: Engine) -> None:
    clock, (pace,) = paces(engine, Limits(rate=10))
    pace.take("", 10)
    clock.wait(3600)

    assert [pace.take("", 10).wait, pace.take("", 10).wait] == [0, pytest.approx(1)]


def test_what_is_owed_is_paid_at_the_new_rate_when_it_changes(engine: Engine) -> None:
    clock, (slow,) = paces(engine, Limits(rate=0.01))
    slow.take("", 1)
    fast = Pace(engine, "smtp", Limits(rate=10), clock)

    assert fast.take("", 1).wait == pytest.approx(0.1)


def test_a_long_wait_is_not_made_with_a_batch_in_hand(engine: Engine) -> None:
    clock, (pace,) = paces(engine, Limits(rate=1 / 60))
    pace.take("", 1)

    grant = pace.take("", 1)

    assert (grant.count, grant.until) == (0, clock.now + timedelta(seconds=60))
    closed = pace.closed()
    assert closed is not None
    assert closed.until == grant.until


@pytest.mark.parametrize(("rate", "window"), [(None, 20), (50, 20), (5, 5), (0.2, 1)])
def test_a_window_is_at_most_one_second_long(sqlite_engine: Engine, rate: float | None, window: int) -> None:
    _, (pace,) = paces(sqlite_engine, Limits(rate=rate, domains={"slow.example": 3}))

    assert pace.window(20) == window
    assert pace.window(20, "slow.example") == min(window, 3)


def test_two_providers_have_a_rate_each(engine: Engine) -> None:
    clock, (smtp,) = paces(engine, Limits(rate=1))
    smtp.take("", 1)

    assert Pace(engine, "sendgrid", Limits(rate=1), clock).take("", 1).wait == 0


# Domains.


def moments_of(clock: Clock, provider: ScriptedProvider) -> dict[str, list[float]]:
    """When, in seconds, messages are handed over to each domain; filled while the provider works."""
    found: dict[str, list[float]] = {}
    judge = provider.judge

    def watch(message: Message) -> object:
        found.setdefault(message.email.partition("@")[2], []).append(seconds(clock))
        return judge(message)

    provider.judge = watch
    return found


def two_domains(engine: Engine) -> None:
    """Twenty readers, every other one at gmail.com."""
    fill(engine, 20)
    with writing(engine) as connection:
        connection.exec_driver_sql(
            "UPDATE subscriber SET email = replace(email, 'example.com', 'gmail.com'),"
            " email_key = replace(email_key, 'example.com', 'gmail.com') WHERE id & 1 = 0"
        )


def test_a_domain_has_a_rate_of_its_own_and_nobody_else_waits_for_it(engine: Engine) -> None:
    two_domains(engine)
    clock, provider = Clock(), ScriptedProvider(batch_size=7, window=5)
    plan(engine, provider)
    clock.now = datetime.now(UTC) + timedelta(hours=1)
    start = seconds(clock)
    moments = moments_of(clock, provider)

    ended = run(engine, provider, clock=clock, limits=Limits(domains={"gmail.com": 2.0}))

    assert ended.accepted == 20
    assert set(provider.taken.values()) == {1}
    assert [moment - start for moment in moments["example.com"]] == [0] * 10
    gmail = [moment - start for moment in moments["gmail.com"]]
    assert len(gmail) == 10
    # Two a second, in windows of at most two: all windows before it are paid for when one leaves.
    assert all(moment >= (number - 1) / 2 - 1e-3 for number, moment in enumerate(gmail))
    assert gmail[-1] < 6


def test_threads_that_sort_out_lanes_at_once_double_and_lose_nobody(engine: Engine) -> None:
    two_domains(engine)
    provider = ScriptedProvider(batch_size=3, concurrency=4)
    plan(engine, provider)

    ended = run(engine, provider, limits=Limits(rate=50.0, domains={"gmail.com": 5.0, "example.com": 9.0}))

    assert (ended.accepted, ended.pending) == (20, 0)
    assert set(provider.taken.values()) == {1}


def test_a_domain_that_gets_a_rate_while_a_dispatch_is_paused_has_it_when_that_goes_on(
    engine: Engine,
) -> None:
    two_domains(engine)
    provider = ScriptedProvider(batch_size=20, window=4)

    def judge(message: Message) -> Verdict:
        if message.email == "reader3@example.com":
            pause(engine, "issue-1")
        return Verdict.ACCEPTED

    provider.judge = judge
    plan(engine, provider)
    assert run(engine, provider).accepted == 4
    provider.judge = lambda message: Verdict.ACCEPTED
    provider.windows.clear()

    ended = run(engine, provider, limits=Limits(domains={"gmail.com": 1.0}))

    assert (ended.accepted, ended.pending) == (20, 0)
    assert provider.windows == [4, 4, *[1] * 8]
    assert set(provider.taken.values()) == {1}


def test_deferred_recipients_keep_their_tries_when_their_domain_gets_a_lane(engine: Engine) -> None:
    two_domains(engine)
    provider = ScriptedProvider(lambda _: Verdict.DEFERRED, batch_size=20, window=20)
    plan(engine, provider)
    run(engine, provider, patience=0.1)
    assert status(engine, "issue-1").deferred == 20

    ended = run(engine, provider, limits=Limits(domains={"gmail.com": 100.0}))

    assert ended.failed == 20
    with engine.connect() as connection:
        assert list(connection.scalars(select(BATCH.c.lane).order_by(BATCH.c.number))) == ["", "gmail.com"]
    assert provider.windows == [20, 10, 10, 10, 10]


# Warm-up.


def test_a_warm_up_allows_so_many_on_each_day_of_sending(engine: Engine) -> None:
    fill(engine, 12)
    provider = ScriptedProvider(batch_size=12, window=5)
    plan(engine, provider)
    clock = Clock()
    clock.now = start = datetime(2030, 4, 11, 20, 0, tzinfo=UTC)
    days: Counter[int] = Counter()

    def judge(message: Message) -> Verdict:
        days[(clock.now.astimezone(BERLIN).date() - start.date()).days] += 1
        return Verdict.ACCEPTED

    provider.judge = judge

    ended = run(engine, provider, clock=clock, limits=Limits(warm_up=(2, 4), zone=BERLIN))

    assert ended.accepted == 12
    assert days == {0: 2, 1: 4, 2: 6}


def test_days_without_mail_are_no_step_of_the_warm_up(engine: Engine) -> None:
    clock, (pace,) = paces(engine, Limits(warm_up=(2, 4)))
    first = [pace.take("", 5).count, pace.take("", 5).count]
    clock.wait(30 * 86400)
    assert pace.closed() is None

    assert (first, pace.take("", 5).count, pace.take("", 5).count) == ([2, 0], 4, 0)
    clock.wait(86400)
    assert pace.take("", 5).count == 5


def test_processes_share_the_warm_up(engine: Engine) -> None:
    _, (one, other) = paces(engine, Limits(warm_up=(6,)), 2)

    assert [one.take("", 4).count, other.take("", 4).count, one.take("", 4).count] == [4, 2, 0]


# Quiet hours, and waiting.


def test_nothing_leaves_in_quiet_hours(engine: Engine) -> None:
    fill(engine, 6)
    clock = Clock()
    clock.now = datetime(2030, 4, 11, 19, 59, 59, tzinfo=UTC)
    hours: list[datetime] = []
    seen: list[Progress] = []

    def judge(message: Message) -> Verdict:
        hours.append(clock.now.astimezone(BERLIN))
        clock.wait(1)
        return Verdict.ACCEPTED

    provider = ScriptedProvider(judge, batch_size=6)
    plan(engine, provider)
    limits = Limits(quiet=QuietHours.parse("22:00-07:00"), zone=BERLIN)

    ended = run(engine, provider, clock=clock, limits=limits, progress=seen.append)

    assert ended.accepted == 6
    assert [(moment.day, moment.hour) for moment in hours] == [(11, 21), (11, 22), *[(12, 7)] * 4]
    waits = {(each.waits_until, each.why) for each in seen if each.waits_until}
    assert waits == {(datetime(2030, 4, 12, 5, 0, tzinfo=UTC), "quiet hours")}


def test_a_pause_is_noticed_while_a_run_waits(engine: Engine) -> None:
    fill(engine, 2)
    provider = ScriptedProvider()
    plan(engine, provider)
    clock = Clock()
    clock.now = datetime(2030, 4, 11, 23, 0, tzinfo=UTC)
    told: list[Progress] = []

    def progress(each: Progress) -> None:
        if each.waits_until and not told:
            pause(engine, "issue-1")
            told.append(each)

    limits = Limits(quiet=QuietHours.parse("22:00-07:00"))
    ended = run(engine, provider, clock=clock, limits=limits, progress=progress)

    assert (ended.state, ended.pending) == (DispatchState.PAUSED, 2)
    assert seconds(clock) - (datetime(2030, 4, 11, 23, tzinfo=UTC) - Clock().now).total_seconds() <= 60


def test_who_has_no_patience_leaves_what_is_due_later(engine: Engine) -> None:
    fill(engine, 2)
    provider = ScriptedProvider()
    plan(engine, provider)
    clock = Clock()
    clock.now = datetime(2030, 4, 11, 23, 0, tzinfo=UTC)
    limits = Limits(quiet=QuietHours.parse("22:00-07:00"))

    ended = run(engine, provider, clock=clock, limits=limits, patience=60)

    assert (ended.state, ended.pending, clock.waits) == (DispatchState.RUNNING, 2, [])


def test_a_rate_below_one_a_second_works_through(engine: Engine) -> None:
    fill(engine, 3)
    provider = ScriptedProvider()
    plan(engine, provider)
    clock = Clock()
    clock.now = start = datetime(2030, 4, 11, 6, 0, tzinfo=UTC)

    ended = run_dispatch(
        means(engine, provider, clock=clock, limits=Limits(rate=1 / 60)), "issue-1", pause=clock.wait
    )

    assert ended.accepted == 3
    assert timedelta(seconds=120) <= clock.now - start < timedelta(seconds=125)
    assert those_in(engine, "accepted") == names(1, 2, 3)
