"""What processes count together: nothing is lost between them, and nothing by one that dies."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest

from newsletter.config.web import WebSettings
from newsletter.web.metrics import Metrics
from newsletter.web.patience import Held
from newsletter.web.rates import Buckets
from newsletter.web.sharing import Turn
from newsletter.web.tally import Tally
from newsletter.web.watching import Answered

#: Nothing is done in the children that a thread of the test runner could hold.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def forked(work, *arguments):
    """Do something in a process that was forked, to its end."""
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    return process


def ended(*processes):
    for each in processes:
        each.join(300)
    return [each.exitcode for each in processes]


def answered(route="/", status=200, seconds=0.01):
    return Answered("x", "GET", route, status, seconds)


def test_two_processes_at_once_lose_no_count():
    metrics = Metrics(2, Turn())

    def count(seat):
        metrics.sit(seat)
        for number in range(2000):
            metrics.begun()
            metrics.ended(answered(f"/{number % 7}/{{token}}"))

    assert ended(forked(count, 0), forked(count, 1)) == [0, 0]
    lines = [
        line for line in metrics.text().splitlines() if line.startswith("newsletter_http_requests_total{")
    ]
    assert len(lines) == 7
    assert sum(int(line.split()[-1]) for line in lines) == 4000
    assert "newsletter_http_requests_in_flight 0\n" in metrics.text()


def test_who_was_killed_while_answering_is_answering_no_more():
    metrics = Metrics(2, Turn())

    def begin():
        metrics.sit(1)
        metrics.begun()
        os.kill(os.getpid(), signal.SIGKILL)

    assert ended(forked(begin)) == [-signal.SIGKILL]
    assert "in_flight 1\n" in metrics.text()
    metrics.sit(1)
    assert "in_flight 0\n" in metrics.text()


def test_more_series_than_there_is_room_for_are_counted_as_one():
    metrics = Metrics()
    for number in range(3000):
        metrics.ended(answered("/", 1000 + number))

    lines = [
        line for line in metrics.text().splitlines() if line.startswith("newsletter_http_requests_total{")
    ]
    assert len(lines) <= 2048


def test_two_processes_at_once_take_no_more_than_a_bucket_holds():
    buckets = Buckets(0.001, 500, turn=Turn())
    taken = Metrics(1, Turn())

    def take():
        for _ in range(400):
            if buckets.take("one", 1.0) == 0:
                taken.ended(answered())

    assert ended(forked(take), forked(take)) == [0, 0]
    assert 'status="200"} 500\n' in taken.text()


def test_the_turn_of_who_dies_is_given_back():
    turn = Turn()

    def die():
        turn.__enter__()
        os.kill(os.getpid(), signal.SIGKILL)

    assert ended(forked(die)) == [-signal.SIGKILL]
    with turn:
        pass


def test_a_moment_that_was_half_written_empties_no_bucket_for_ever():
    buckets = Buckets(10, 5)
    buckets.take("one", 1.0)
    place = next(at for at, moment in enumerate(buckets._moments) if moment)
    buckets._moments[place] = 1e300

    assert 0 < buckets.take("one", 1.0) < 0.11
    assert buckets.take("one", 1.2) == 0


@pytest.mark.parametrize("seats", [1, 2])
def test_connections_of_all_are_counted_and_those_of_who_died_are_not(seats):
    held = Held(4, seats, Turn())
    held.sit(seats - 1)

    def take():
        held.sit(0)
        assert [held.take("a", 2) is None for _ in range(3)] == [False, False, True]
        os.kill(os.getpid(), signal.SIGKILL)

    assert ended(forked(take)) == [-signal.SIGKILL]
    if seats == 2:
        assert held.take("a", 2) is None
        place = held.take("b", 2)
        held.give_back(place)
        assert [held.take("c", 4) is None for _ in range(3)] == [False, False, True]
    held.sit(0)
    assert held.take("a", 2) is not None


def test_numbers_go_on_when_settings_are_read_again():
    web = WebSettings(metrics=True)
    before = Tally.of(web, workers=2)
    before.metrics.ended(answered())
    after = Tally.of(web, workers=2, before=before)

    assert 'status="200"} 1\n' in after.metrics.text()
    assert Tally.of(WebSettings(), workers=2, before=after).metrics is None


def test_who_has_asked_too_often_has_so_after_settings_were_read_again():
    before = Tally.of(WebSettings(rate="10/minute", post_rate="5/minute"), workers=2)
    for buckets in (before.every, before.posts):
        while buckets.take("one", 1.0) == 0:
            pass
    after = Tally.of(WebSettings(rate="10/minute", post_rate="6/minute"), workers=2, before=before)

    assert after.every.take("one", 1.0) > 0
    assert after.posts.take("one", 1.0) == 0, "another rate begins anew"
    assert Tally.of(WebSettings(rate="off"), workers=2, before=after).every is None
