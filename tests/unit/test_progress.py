"""What is told while a dispatch runs: outcomes, who waits, the speed and the time left."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta

import pytest

from newsletter.cli.progress import Lines, Speed, stoppable, told_of
from newsletter.delivery import Progress


class Hands:
    """A clock's hands."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def count(accepted: int, **values: object) -> Progress:
    return Progress(1000, {"accepted": accepted, "rejected": 0}, **values)


def test_the_speed_is_that_of_the_last_half_minute() -> None:
    hands = Hands()
    speed = Speed(hands)
    told = []
    for second, done in ((0, 0), (10, 100), (20, 600), (41, 810)):
        hands.time = second
        told.append(speed.of(count(done)))

    assert told == [None, 10.0, 30.0, 10.0]


def test_what_waits_to_be_tried_again_and_the_time_left_are_told() -> None:
    assert told_of(count(400, deferred=7), 10.0) == "400 accepted, 7 deferred, 10.0 a second, 60 s left"
    assert told_of(count(400), None) == "400 accepted"
    assert told_of(count(1000), 10.0) == "1,000 accepted, 10.0 a second", "nothing is left"
    assert told_of(count(400), 0.1).endswith("100 min left") is False
    assert told_of(count(400), 0.1).endswith("1 h 40 min left")


@pytest.mark.parametrize(("seconds", "told"), [(119, ":07"), (121, "")])
def test_a_wait_of_less_than_two_minutes_is_told_to_the_second(seconds: int, told: str) -> None:
    until = datetime(2030, 4, 12, 5, 0, 7, tzinfo=UTC)
    waits = count(120, waits_until=until, why="a limit")

    # In the zone of this machine, which may be half an hour off.
    minutes = f"{until.astimezone():%H:%M}{told} "
    assert minutes in told_of(waits, None, until - timedelta(seconds=seconds)).partition("until")[2]


def test_a_line_comes_now_and_then_and_at_once_when_something_is_waited_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hands = Hands()
    lines = Lines("issue-1", hands)
    until = datetime(2030, 4, 12, 5, 0, tzinfo=UTC)
    waits = {"waits_until": until, "why": "quiet hours"}
    for second, progress in (
        (1, count(10)),
        (11, count(110)),
        (12, count(120, **waits)),
        (40, count(120, **waits)),
        (41, count(130)),
    ):
        hands.time = second
        lines.show(progress)

    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3
    assert told[0] == "issue-1: 110 of 1,000; 110 accepted, 10.0 a second, 89 s left"
    assert f"waits until {until.astimezone():%Y-%m-%d %H:%M}" in told[1]
    assert told[1].endswith("(quiet hours)")


def test_a_signal_that_comes_while_a_line_is_written_is_heard(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Python's stderr does not let itself be written to twice at once."""

    def busy(_: str) -> None:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    monkeypatch.setattr("newsletter.cli.output.say", busy)
    with stoppable("others go on") as stop:
        signal.raise_signal(signal.SIGTERM)

    assert stop.is_set()
    assert "stopping: what is in flight is finished" in capfd.readouterr().err
