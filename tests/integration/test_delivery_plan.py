"""Planning: the audience and the edition are frozen, and the numbers add up."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import EVERYBODY, fill, names, plan, run, states, where
from fakes.editions import edition
from fakes.providers import GONE, ScriptedProvider
from sqlalchemy import func, select

from newsletter.delivery import Audience, DispatchState, cancel, status
from newsletter.delivery.models import BATCH, DISPATCH
from newsletter.delivery.received import Received
from newsletter.errors import DeliveryError, ProviderError
from newsletter.providers import Verdict
from subscribers import SubscriberStore, SuppressionReason, parse_segment

if TYPE_CHECKING:
    from sqlalchemy import Engine


def batches(engine: Engine) -> list[list[int]]:
    with engine.connect() as connection:
        return [json.loads(ids) for ids in connection.scalars(select(BATCH.c.ids).order_by(BATCH.c.number))]


def dispatches(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(DISPATCH)) or 0


def test_candidates_are_planned_or_excluded_for_one_reason(engine: Engine) -> None:
    store = fill(engine, 12)
    store.unsubscribe("public3", source="link")
    store.unsubscribe("public4", source="link")
    store.suppress("reader5@example.com", SuppressionReason.MANUAL)

    made = plan(engine, ScriptedProvider(batch_size=4))

    assert (made.dispatch, made.state, made.continued) == ("issue-1", DispatchState.PLANNED, False)
    assert (made.candidates, made.planned) == (12, 12 - sum(made.excluded.values()))
    assert made.planned == 9
    assert made.excluded["unsubscribed"] == 2
    assert [len(ids) for ids in batches(engine)] == [4, 4, 1]
    assert status(engine, "issue-1").excluded == made.excluded


def test_one_mailbox_is_mailed_once(engine: Engine) -> None:
    """However its address is written."""
    store = SubscriberStore(engine)
    store.add("Ann@Example.com", first_name="Ann")
    store.add("ann@EXAMPLE.com", first_name="Anna")
    store.add("jörg@bücher.example")
    store.add("JÖRG@xn--bcher-kva.example")
    provider = ScriptedProvider()
    provider.smtputf8 = True
    made = plan(engine, provider)

    run(engine, provider)

    assert (made.candidates, made.planned) == (2, 2)
    assert list(provider.taken.values()) == [1, 1]


def test_who_joins_after_planning_is_not_in_the_audience(engine: Engine) -> None:
    fill(engine, 3)
    provider = ScriptedProvider()
    plan(engine, provider)

    fill(engine, 1, email="late@example.com", email_key="late", public_id="late")
    run(engine, provider)

    assert set(provider.taken) == names(1, 2, 3)


def test_an_audience_is_a_segment_less_what_is_left_out(engine: Engine) -> None:
    fill(engine, 4)
    first = parse_segment('email == "reader1@example.com"')
    some = where('email in ["reader1@example.com", "reader2@example.com"]')

    made = plan(engine, ScriptedProvider(), some.without({"first": first}))

    assert made.planned == 1
    assert made.audience.endswith("without `first`")
    assert EVERYBODY.without({"first": first}).key != EVERYBODY.key


def test_planning_the_same_again_goes_on_with_the_same_dispatch(engine: Engine) -> None:
    fill(engine, 3)
    provider = ScriptedProvider()
    first = plan(engine, provider)

    second = plan(engine, provider)

    assert (second.dispatch, second.planned, second.continued) == (first.dispatch, 3, True)
    assert dispatches(engine) == 1


def test_a_finished_dispatch_says_so(engine: Engine) -> None:
    fill(engine, 3)
    provider = ScriptedProvider()
    plan(engine, provider)
    run(engine, provider)

    assert plan(engine, provider).state is DispatchState.FINISHED


def test_a_segments_name_does_not_make_another_audience(engine: Engine) -> None:
    fill(engine, 3)
    expression = 'email != "x@example.com"'
    plan(engine, ScriptedProvider(), where(expression))

    assert plan(
        engine, ScriptedProvider(), Audience("segment `x`", parse_segment(f" {expression}"))
    ).continued


def test_a_dispatch_freezes_what_the_segments_meant_that_its_own_names(engine: Engine) -> None:
    """A change of an inner segment changes no dispatch, and makes the outer one another audience."""
    store = fill(engine, 3)
    store.save_segment("inner", 'email == "reader1@example.com"')
    store.save_segment("outer", 'segment("inner")')
    provider = ScriptedProvider()
    plan(engine, provider, Audience("segment `outer`", store.segment("outer")))
    store.save_segment("inner", 'email in ["reader1@example.com", "reader2@example.com"]')

    run(engine, provider)
    second = plan(engine, provider, Audience("segment `outer`", store.segment("outer")))

    assert set(provider.taken) == names(1)
    assert (second.dispatch, second.planned, second.continued) == ("issue-2", 1, False)


@pytest.mark.parametrize("finished", [True, False])
def test_a_changed_issue_is_not_sent_to_the_same_audience_unasked(engine: Engine, finished: bool) -> None:
    fill(engine, 3)
    provider = ScriptedProvider()
    plan(engine, provider)
    if finished:
        run(engine, provider)

    with pytest.raises(DeliveryError, match="the issue has changed since") as caught:
        plan(engine, provider, what=edition(text="Corrected.\n"))

    assert caught.value.where == "issue-1"
    assert "`--again`" in caught.value.hint
    assert ("newsletter resume issue-1" in caught.value.hint) is not finished


def test_an_unfinished_dispatch_belongs_to_its_provider(engine: Engine) -> None:
    fill(engine, 3)
    plan(engine, ScriptedProvider())
    other = ScriptedProvider()
    other.name = "sendgrid"

    with pytest.raises(DeliveryError, match="planned for smtp, not for sendgrid"):
        plan(engine, other)


def test_again_begins_a_new_dispatch_to_everybody(engine: Engine) -> None:
    fill(engine, 3)
    provider = ScriptedProvider()
    plan(engine, provider)
    run(engine, provider)

    made = plan(engine, provider, again=True)
    run(engine, provider, "issue-2")

    assert (made.dispatch, made.planned) == ("issue-2", 3)
    assert provider.taken == dict.fromkeys(names(1, 2, 3), 2)


def test_who_received_the_issue_is_left_out_of_another_audience(engine: Engine) -> None:
    """Accepted and uncertain count as received; rejected and failed do not."""
    fill(engine, 4)
    verdicts = {"reader1@example.com": Verdict.ACCEPTED, "reader2@example.com": Verdict.UNCERTAIN}
    provider = ScriptedProvider(lambda message: verdicts.get(message.email, Verdict.REJECTED))
    plan(engine, provider, where('email != "reader4@example.com"'))
    run(engine, provider)

    made = plan(engine, provider)

    assert (made.planned, made.excluded) == (2, {"already received": 2})
    assert states(engine, "issue-2").keys() == names(3, 4)


def test_who_is_about_to_receive_the_issue_is_left_out_too(engine: Engine) -> None:
    fill(engine, 4)
    plan(engine, ScriptedProvider(), where('email != "reader4@example.com"'))

    assert plan(engine, ScriptedProvider()).excluded == {"about to receive it": 3}


def test_who_received_it_and_who_is_about_to_are_told_apart(engine: Engine) -> None:
    """A dispatch that was interrupted has some of both."""
    fill(engine, 5)
    taken = names(1, 2)
    provider = ScriptedProvider(lambda message: Verdict.ACCEPTED if message.email in taken else GONE)
    plan(engine, provider, where('email != "reader5@example.com"'))
    with pytest.raises(ProviderError):
        run(engine, provider)

    made = plan(engine, ScriptedProvider())

    assert (made.planned, made.excluded) == (1, {"already received": 2, "about to receive it": 2})


def test_another_issue_has_nothing_to_do_with_it(engine: Engine) -> None:
    fill(engine, 2)
    plan(engine, ScriptedProvider())

    made = plan(engine, ScriptedProvider(), what=edition("other"))

    assert (made.dispatch, made.planned) == ("other-1", 2)


def test_a_cancelled_dispatch_is_not_gone_on_with(engine: Engine) -> None:
    fill(engine, 2)
    plan(engine, ScriptedProvider())
    cancel(engine, "issue-1")

    made = plan(engine, ScriptedProvider())

    assert (made.dispatch, made.planned, made.continued) == ("issue-2", 2, False)


def test_an_audience_of_nobody_is_refused_and_nothing_written(engine: Engine) -> None:
    fill(engine, 2)

    with pytest.raises(DeliveryError, match="matches nobody"):
        plan(engine, ScriptedProvider(), where('email == "nobody@example.com"'))

    assert dispatches(engine) == 0


def test_an_audience_of_which_nobody_is_left_says_why(engine: Engine) -> None:
    store = fill(engine, 2)
    plan(engine, ScriptedProvider(), where('email == "reader1@example.com"'))
    store.unsubscribe("public2", source="link")

    with pytest.raises(DeliveryError, match="of 2, 1 about to receive it, 1 unsubscribed") as caught:
        plan(engine, ScriptedProvider())

    assert "`newsletter resume`" in caught.value.hint


def test_a_dry_run_counts_and_writes_nothing(engine: Engine) -> None:
    fill(engine, 3)

    made = plan(engine, ScriptedProvider(), dry_run=True)

    assert (made.planned, made.candidates) == (3, 3)
    assert dispatches(engine) == 0


def test_planning_twice_at_once_makes_one_dispatch(engine: Engine) -> None:
    fill(engine, 200)

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: plan(engine, ScriptedProvider()), range(4)))

    assert {each.dispatch for each in made} == {"issue-1"}
    assert sorted(each.continued for each in made) == [False, True, True, True]
    assert dispatches(engine) == 1


def test_a_dry_run_sees_one_moment(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who plans the same meanwhile makes nobody of it: not that all of them are about to receive it."""
    fill(engine, 4)

    class Late(Received):
        def __init__(self, *what: object) -> None:
            monkeypatch.undo()
            plan(engine, ScriptedProvider())
            super().__init__(*what)

    monkeypatch.setattr("newsletter.delivery.plan.Received", Late)
    assert plan(engine, ScriptedProvider(), dry_run=True).planned == 4
    assert plan(engine, ScriptedProvider(), dry_run=True).continued


def test_planning_leaves_no_answer_half_read(sqlite_engine: Engine) -> None:
    """An answer of the database that outlives its connection ends in a traceback when it is collected."""
    fill(sqlite_engine, 3)
    provider = ScriptedProvider()
    plan(sqlite_engine, provider)
    run(sqlite_engine, provider)
    fill(sqlite_engine, 1, email="x@example.com", email_key="x@example.com", public_id="x")
    with sqlite_engine.connect() as connection:
        received = Received(connection, "issue")
        assert received.holds(1)

        received.close()

        assert all(
            stream.gi_frame is None for each in (received._had, received._to_come) for stream in each._streams
        )


def test_a_planned_edition_cannot_change(engine: Engine) -> None:
    fill(engine, 1)
    plan(engine, ScriptedProvider())
    seen: list[bytes] = []
    provider = ScriptedProvider(lambda message: seen.append(message.as_bytes()) or Verdict.ACCEPTED)

    run(engine, provider)

    assert b"Good morning." in seen[0]
    assert b"Message-ID: <" in seen[0]
