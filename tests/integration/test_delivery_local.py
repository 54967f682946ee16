"""Working through a dispatch: every recipient ends with one outcome, whatever the provider does."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import Clock, fill, in_turn, names, plan, run, states, those_in
from fakes.editions import personal_edition
from fakes.providers import GONE, ScriptedProvider
from fakes.smtp import smtp_server
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from newsletter.config import SmtpSettings
from newsletter.delivery import Backoff, DispatchState, Limits, cancel, log, pause, status, tally
from newsletter.delivery.recovery import recover
from newsletter.errors import CredentialsError, DeliveryError, ProviderError
from newsletter.providers import Verdict
from newsletter.providers.outbox import OutboxProvider
from newsletter.providers.smtp import SmtpProvider
from subscribers import SuppressionReason, now

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from newsletter.delivery import Progress
    from newsletter.messages import Message

EVERYBODY = names(*range(1, 13))


def one(number: int, verdict: object) -> ScriptedProvider:
    """A provider that does something else to one reader, every time."""
    address = f"reader{number}@example.com"
    return ScriptedProvider(lambda message: verdict if message.email == address else Verdict.ACCEPTED)


def test_every_recipient_is_accepted_once_and_recorded(engine: Engine) -> None:
    fill(engine, 12)
    provider = ScriptedProvider()
    plan(engine, provider)

    ended = run(engine, provider)

    assert provider.taken == Counter(EVERYBODY)
    assert (ended.state, ended.accepted, ended.pending, ended.troubled) == (
        DispatchState.FINISHED,
        12,
        0,
        False,
    )
    assert ended.finished_at is not None
    assert provider.windows == [2, 2, 1, 2, 2, 1, 2]


def test_a_line_of_the_log_tells_all_of_one_recipient(engine: Engine) -> None:
    fill(engine, 1)
    provider = ScriptedProvider()
    plan(engine, provider)
    (before,) = log(engine, "issue-1")
    run(engine, provider)

    (line,) = log(engine, "issue-1", "accepted")

    delivery_id = line.message_id[1:].partition("@")[0]
    assert (before.state, before.message_id, before.at) == ("pending", line.message_id, None)
    assert line.message_id == f"<{delivery_id}@example.com>"
    assert (line.email, line.state, line.reason) == ("reader1@example.com", "accepted", "said accepted")
    assert (line.provider_id, line.attempts) == (f"id-{delivery_id}", 1)
    assert line.at is not None


def test_a_message_carries_the_readers_own_links(engine: Engine) -> None:
    fill(engine, 2)
    seen: list[Message] = []
    provider = ScriptedProvider(lambda message: seen.append(message) or Verdict.ACCEPTED)
    plan(engine, provider)

    run(engine, provider)

    links = [message.recipient.links["unsubscribe"] for message in seen]
    assert links[0].startswith("https://news.example.com/unsubscribe/public1")
    assert len(set(links)) == 2


def test_several_threads_share_the_work_and_double_nothing(engine: Engine) -> None:
    fill(engine, 60)
    provider = ScriptedProvider(concurrency=4)
    plan(engine, provider)

    ended = run(engine, provider)

    assert provider.taken == Counter(names(*range(1, 61)))
    assert ended.accepted == 60
    assert provider.connections == 4


def test_no_more_connections_are_opened_than_there_are_batches(engine: Engine) -> None:
    fill(engine, 8)
    provider = ScriptedProvider(concurrency=4, batch_size=5)
    plan(engine, provider)

    run(engine, provider)

    assert provider.connections == 2


def test_who_leaves_after_planning_gets_nothing(engine: Engine) -> None:
    store = fill(engine, 4)
    provider = ScriptedProvider()
    plan(engine, provider)
    store.unsubscribe("public1", source="link")
    store.suppress("reader2@example.com", SuppressionReason.COMPLAINED)
    store.erase("reader3@example.com")

    ended = run(engine, provider)

    assert set(provider.taken) == names(4)
    assert (ended.skipped, ended.accepted) == (3, 1)
    reasons = sorted(line.reason for line in log(engine, "issue-1", "skipped"))
    assert reasons[0] in ("complained", "suppressed")
    assert reasons[1:] == ["erased", "unsubscribed"]
    assert {line.attempts for line in log(engine, "issue-1", "skipped")} == {0}


def test_who_leaves_in_the_middle_of_a_batch_gets_nothing(engine: Engine) -> None:
    store = fill(engine, 4)

    def judge(message: Message) -> Verdict:
        store.unsubscribe("public4", source="link")
        return Verdict.ACCEPTED

    provider = ScriptedProvider(judge, window=2, batch_size=10)
    plan(engine, provider)

    run(engine, provider)

    assert set(provider.taken) == names(1, 2, 3)


def test_a_missing_value_skips_one_and_says_which(engine: Engine) -> None:
    fill(engine, 1)
    fill(engine, 1, email="x@example.com", email_key="x", public_id="x", first_name="")
    provider = ScriptedProvider()
    plan(engine, provider, what=personal_edition())

    run(engine, provider)

    (line,) = log(engine, "issue-1", "skipped")
    assert (line.email, line.reason) == ("x@example.com", "missing value: {{ subscriber.first_name }}")
    assert set(provider.taken) == names(1)


def test_an_address_that_cannot_be_written_skips_one(engine: Engine) -> None:
    fill(engine, 1)
    fill(engine, 1, email="jürgen@example.com", email_key="j", public_id="j")
    provider = ScriptedProvider()
    plan(engine, provider)

    run(engine, provider)

    (line,) = log(engine, "issue-1", "skipped")
    assert line.email == "jürgen@example.com"
    assert "SMTPUTF8" in line.reason


def test_an_address_beyond_ascii_is_handed_over_where_the_provider_may_take_it(engine: Engine) -> None:
    fill(engine, 1, email="jürgen@example.com", email_key="j", public_id="j")
    provider = ScriptedProvider()
    provider.smtputf8 = True
    plan(engine, provider)

    run(engine, provider)

    assert set(provider.taken) == {"jürgen@example.com"}


def test_a_rejected_recipient_is_not_tried_again(engine: Engine) -> None:
    fill(engine, 12)
    provider = one(3, Verdict.REJECTED)
    plan(engine, provider)

    ended = run(engine, provider)

    assert (ended.rejected, ended.accepted, ended.troubled) == (1, 11, True)
    assert states(engine)["reader3@example.com"] == "rejected"


def test_an_uncertain_recipient_is_named_and_never_tried_again(engine: Engine) -> None:
    fill(engine, 12)
    provider = one(3, Verdict.UNCERTAIN)
    plan(engine, provider)

    ended = run(engine, provider)

    assert (ended.uncertain, ended.accepted, ended.troubled) == (1, 11, True)
    assert provider.taken == Counter(EVERYBODY)
    assert those_in(engine, "uncertain") == names(3)


def test_a_deferred_recipient_is_tried_again_after_a_wait(engine: Engine) -> None:
    fill(engine, 12)
    answers = in_turn(Verdict.DEFERRED, Verdict.DEFERRED, Verdict.ACCEPTED)
    provider = ScriptedProvider(
        lambda message: answers() if message.email == "reader3@example.com" else Verdict.ACCEPTED
    )
    plan(engine, provider)

    ended = run(engine, provider)

    assert ended.accepted == 12
    attempts = {line.email: line.attempts for line in log(engine, "issue-1")}
    assert attempts.pop("reader3@example.com") == 3
    assert set(attempts.values()) == {1}


def test_who_was_not_tried_for_now_is_tried_later_and_that_is_no_try(engine: Engine) -> None:
    """However often: a provider that has no room at the moment makes nobody fail."""
    fill(engine, 12)
    answers = in_turn(*[Verdict.POSTPONED] * 10, Verdict.ACCEPTED)
    provider = ScriptedProvider(
        lambda message: answers() if message.email == "reader3@example.com" else Verdict.ACCEPTED
    )
    plan(engine, provider)

    ended = run(engine, provider)

    assert ended.accepted == 12
    assert {line.attempts for line in log(engine, "issue-1")} == {1}


def test_a_refusal_that_is_about_us_is_for_good_and_who_was_spared_it_may_be_tried_again(
    engine: Engine,
) -> None:
    """``failed`` is what a person may let be tried again; neither is tried again by itself."""
    fill(engine, 12)
    said = {"reader3@example.com": Verdict.REFUSED, "reader4@example.com": Verdict.STOPPED}
    provider = ScriptedProvider(lambda message: said.get(message.email, Verdict.ACCEPTED))
    plan(engine, provider)

    run(engine, provider)

    assert those_in(engine, "rejected") == names(3)
    assert those_in(engine, "failed") == names(4)
    assert {line.attempts for line in log(engine, "issue-1")} == {1}


def test_a_recipient_deferred_too_often_has_failed(engine: Engine) -> None:
    fill(engine, 12)
    provider = one(3, Verdict.DEFERRED)
    plan(engine, provider)

    ended = run(engine, provider, backoff=Backoff(tries=3))

    assert (ended.failed, ended.accepted) == (1, 11)
    (line,) = log(engine, "issue-1", "failed")
    assert (line.email, line.attempts, line.reason) == ("reader3@example.com", 3, "said deferred")


def test_nobody_there_at_the_beginning_is_told_at_once(engine: Engine) -> None:
    fill(engine, 12)
    provider = ScriptedProvider(lambda _: GONE)
    plan(engine, provider)

    with pytest.raises(ProviderError, match="the server went away"):
        run(engine, provider)

    assert status(engine, "issue-1").pending == 12


def test_a_provider_that_comes_back_is_gone_on_with(engine: Engine) -> None:
    """Those without an outcome were not handed over, so nobody is doubled and nobody is in doubt."""
    fill(engine, 12)
    answers = in_turn(*[Verdict.ACCEPTED] * 3, GONE, GONE, Verdict.ACCEPTED)
    provider = ScriptedProvider(lambda message: answers())
    plan(engine, provider)

    ended = run(engine, provider)

    assert provider.taken == Counter(EVERYBODY)
    assert ended.accepted == 12


def test_a_provider_that_stays_away_ends_the_run_and_another_goes_on(engine: Engine) -> None:
    fill(engine, 12)
    answers = in_turn(*[Verdict.ACCEPTED] * 3, GONE)
    away = ScriptedProvider(lambda message: answers())
    plan(engine, away)
    with pytest.raises(ProviderError, match="the server went away"):
        run(engine, away)
    left = status(engine, "issue-1")
    there = ScriptedProvider()

    ended = run(engine, there)

    assert (left.state, left.accepted, left.pending, left.uncertain) == (DispatchState.RUNNING, 3, 9, 0)
    assert ended.accepted == 12
    assert away.taken + there.taken == Counter(EVERYBODY)


def test_a_provider_that_refuses_us_is_not_asked_again(engine: Engine) -> None:
    """Asking again would change nothing; the dispatch is held until somebody mends the cause."""
    fill(engine, 12)
    answers = in_turn(*[Verdict.ACCEPTED] * 4, CredentialsError("no such key"))
    refusing = ScriptedProvider(lambda message: answers())
    plan(engine, refusing)

    with pytest.raises(CredentialsError):
        run(engine, refusing)

    held = status(engine, "issue-1")
    assert (held.state, held.accepted, held.pending, held.uncertain) == (DispatchState.RUNNING, 4, 8, 0)
    assert refusing.connections == 1


def test_a_provider_that_tells_nothing_leaves_doubt(engine: Engine) -> None:
    fill(engine, 12)
    provider = one(3, None)
    plan(engine, provider)

    run(engine, provider)

    (line,) = log(engine, "issue-1", "uncertain")
    assert (line.email, line.reason) == ("reader3@example.com", "the provider told no outcome")


def test_an_error_nobody_foresaw_leaves_doubt_only_for_what_was_authorised(engine: Engine) -> None:
    """It comes through to whoever runs it; the rest can be resumed."""
    fill(engine, 12)
    provider = one(4, ZeroDivisionError("a bug"))
    plan(engine, provider)

    with pytest.raises(ZeroDivisionError):
        run(engine, provider)

    left = status(engine, "issue-1")
    assert those_in(engine, "uncertain") == names(3, 4)
    assert (left.accepted, left.pending) == (2, 8)
    assert run(engine, ScriptedProvider()).accepted == 10


def test_a_stop_finishes_the_window_and_leaves_the_rest(engine: Engine) -> None:
    fill(engine, 12)
    stop = Event()

    def judge(message: Message) -> Verdict:
        if message.email == "reader3@example.com":
            stop.set()
        return Verdict.ACCEPTED

    provider = ScriptedProvider(judge)
    plan(engine, provider)

    stopped = run(engine, provider, stop=stop)

    assert (stopped.state, stopped.accepted, stopped.pending) == (DispatchState.RUNNING, 4, 8)
    assert set(provider.taken) == names(1, 2, 3, 4)
    assert run(engine, provider).accepted == 12
    assert provider.taken == Counter(EVERYBODY)


@pytest.mark.parametrize(
    ("steer", "state"), [(pause, DispatchState.PAUSED), (cancel, DispatchState.CANCELLED)]
)
def test_a_pause_or_cancellation_from_elsewhere_takes_effect_at_the_next_window(
    engine: Engine, steer: object, state: DispatchState
) -> None:
    fill(engine, 12)

    def judge(message: Message) -> Verdict:
        if message.email == "reader3@example.com":
            steer(engine, "issue-1")
        return Verdict.ACCEPTED

    provider = ScriptedProvider(judge)
    plan(engine, provider)

    ended = run(engine, provider)

    assert set(provider.taken) == names(1, 2, 3, 4)
    assert (ended.state, ended.accepted) == (state, 4)
    if state is DispatchState.PAUSED:
        assert run(engine, provider).accepted == 12
    else:
        assert (ended.skipped, ended.pending) == (8, 0)
        with pytest.raises(DeliveryError, match="was cancelled"):
            run(engine, provider)


def test_a_finished_dispatch_is_left_alone(engine: Engine) -> None:
    fill(engine, 3)
    provider = ScriptedProvider()
    plan(engine, provider)
    run(engine, provider)

    assert run(engine, provider).state is DispatchState.FINISHED
    assert provider.taken == Counter(names(1, 2, 3))


def test_a_dispatch_is_gone_on_with_by_its_own_provider_only(engine: Engine) -> None:
    fill(engine, 3)
    plan(engine, ScriptedProvider())
    other = ScriptedProvider()
    other.name = "outbox"

    with pytest.raises(DeliveryError, match="planned for smtp, not for outbox"):
        run(engine, other)


def test_a_dispatch_that_is_not_there_gets_a_suggestion(engine: Engine) -> None:
    fill(engine, 3)
    plan(engine, ScriptedProvider())

    with pytest.raises(DeliveryError, match="no such dispatch") as caught:
        run(engine, ScriptedProvider(), "isue-1")

    assert caught.value.hint == "did you mean `issue-1`?"


def test_progress_counts_up_to_everybody(engine: Engine) -> None:
    fill(engine, 12)
    provider = one(3, Verdict.REJECTED)
    plan(engine, provider)
    seen: list[Progress] = []

    run(engine, provider, progress=seen.append)

    assert [each.done for each in seen] == [0, 2, 4, 5, 7, 9, 10, 12]
    assert seen[-1].recipients == 12
    assert {state: count for state, count in seen[-1].outcomes.items() if count} == {
        "accepted": 11,
        "rejected": 1,
    }


def test_progress_tells_what_another_process_does(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """While this one hands over its first window, another hands over all other batches."""
    monkeypatch.setattr(tally, "EVERY", 0)
    monkeypatch.setattr(tally, "SHARE", 1)
    fill(engine, 25)
    other = ScriptedProvider()
    seen: list[Progress] = []

    def judge(_message: Message) -> Verdict:
        if not other.taken:
            run(engine, other, patience=0)
        return Verdict.ACCEPTED

    provider = ScriptedProvider(judge)
    plan(engine, provider)
    ended = run(engine, provider, progress=seen.append)

    assert (provider.taken.total(), other.taken.total(), ended.accepted) == (5, 20, 25)
    assert [each.done for each in seen] == [0, 22, 24, 25]


def test_a_rate_makes_windows_of_at_most_a_second(engine: Engine) -> None:
    fill(engine, 12)
    provider = ScriptedProvider(window=10, batch_size=12)
    plan(engine, provider)

    run(engine, provider, limits=Limits(rate=5.0))

    assert provider.windows == [5, 5, 2]


def test_two_dispatches_give_one_reader_two_message_ids(engine: Engine) -> None:
    fill(engine, 1)
    provider = ScriptedProvider()
    plan(engine, provider)
    run(engine, provider)
    plan(engine, provider, again=True)
    run(engine, provider, "issue-2")

    ids = {line.message_id for name in ("issue-1", "issue-2") for line in log(engine, name)}
    assert len(ids) == 2


def test_the_outbox_holds_one_file_per_recipient_named_by_delivery_id(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 30)
    provider = OutboxProvider(tmp_path / "outbox")
    plan(engine, provider)

    ended = run(engine, provider)

    files = {path.stem for path in (tmp_path / "outbox" / "issue-1").iterdir()}
    assert ended.accepted == len(files) == 30
    assert files == {line.message_id[1:].partition("@")[0] for line in log(engine, "issue-1")}


def test_a_real_server_gets_one_message_per_recipient(engine: Engine) -> None:
    """Over several connections; one reader is refused, one deferred once, one answer lost."""
    fill(engine, 60)
    once = in_turn("450 4.2.0 later", None)

    def script(step: str, argument: str) -> str | None:
        if step == "RCPT" and "reader7@" in argument:
            return "550 5.1.1 unknown"
        if step == "RCPT" and "reader8@" in argument:
            return once()
        return "hang up" if step == "." and argument == "reader9@example.com" else None

    with smtp_server(script) as server:
        settings = SmtpSettings(host="127.0.0.1", port=server.port, timeout=60.0, connections=3)
        provider = SmtpProvider(settings, sender="news@example.com")
        provider.batch_size = 10
        plan(engine, provider)
        ended = run(engine, provider)

    assert (ended.accepted, ended.rejected, ended.uncertain) == (58, 1, 1)
    assert those_in(engine, "rejected") == names(7)
    assert those_in(engine, "uncertain") == names(9)
    assert Counter(to for to, _ in server.messages) == Counter(names(*range(1, 61)) - names(7))


def test_a_process_that_outlives_its_ledger_takes_back_what_it_held(engine: Engine) -> None:
    """As a worker does: it need not wait for its own leases to run out."""
    fill(engine, 12)
    away = Event()

    def fail(*_: object) -> None:
        if away.is_set():
            raise OperationalError("BEGIN", {}, Exception("the connection was lost"))

    def judge(_: Message) -> Verdict:
        if len(provider.windows) == 2:
            away.set()
        return Verdict.ACCEPTED

    provider = ScriptedProvider(judge)
    plan(engine, provider)
    event.listen(engine, "begin", fail)
    clock = Clock(now() + timedelta(hours=1))

    with pytest.raises(DeliveryError, match="the ledger cannot be written"):
        run(engine, provider, clock=clock)
    away.clear()
    ended = run(engine, provider, clock=clock, patience=0)

    assert (ended.state, ended.pending, ended.uncertain) == (DispatchState.FINISHED, 0, 2)
    assert ended.accepted == 10
    assert set(provider.taken.values()) == {1}


def test_a_worker_that_wakes_after_its_lease_tells_what_it_knows(engine: Engine) -> None:
    """Another took it for dead in the middle of a window: its batch is not its own, but who was taken is known."""
    fill(engine, 5)
    late = now() + timedelta(hours=2)

    def judge(message: Message) -> Verdict:
        if message.email == "reader1@example.com":
            assert recover(engine, 1, late, idempotent=False, gone=lambda _: False) == 2
        return Verdict.REJECTED if message.email == "reader2@example.com" else Verdict.ACCEPTED

    provider = ScriptedProvider(judge)
    plan(engine, provider)
    run(engine, provider)

    assert those_in(engine, "accepted") == names(1, 3, 4, 5)
    assert those_in(engine, "uncertain") == names(2)
    assert max(provider.taken.values()) == 1
    (first,) = (line for line in log(engine, "issue-1") if line.email == "reader1@example.com")
    assert first.reason == "said accepted (told after the lease)"
