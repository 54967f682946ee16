"""Who looks after the processes of a service: what becomes of those that die, hang, or never begin."""

from __future__ import annotations

import signal
import subprocess
import sys

import httpx
import pytest

BEGIN = """
import os, signal, sys, time
from pathlib import Path
from newsletter.web.supervising import Shift, Supervisor, Work
from newsletter.errors import NewsletterError

tries = Path(sys.argv[1])

def count():
    with tries.open("a") as file:
        file.write(".")
    return len(tries.read_text())

def look(work, grace=20, silence=60):
    supervisor = Supervisor(lambda: work, grace, silence=silence, on_ready=lambda: print("ready", flush=True))
    try:
        supervisor.run()
    except NewsletterError as error:
        print(error.what, "|", error.hint, flush=True)
        sys.exit(1)
    print("left", flush=True)
"""
DIES = """
def run(shift):
    count()
    os._exit(7)
look([Work("worker 1", run), Work("postman", lambda shift: (shift.ready(), signal.pause()), answers=False)])
"""
DIES_ONCE = """
def run(shift):
    if count() == 1:
        raise RuntimeError("ada@example.com")
    shift.ready()
    signal.pause()
look([Work("worker 1", run)])
"""
HANGS = """
def run(shift):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    shift.ready()
    while True:
        signal.pause()
look([Work("worker 1", run)], grace=float(sys.argv[2]))
"""
FALLS_SILENT = """
def run(shift):
    if count() == 1:
        shift.beat()
    shift.ready()
    while True:
        signal.pause()
look([Work("worker 1", run)], silence=0.5)
"""
ONE_FALLS_SILENT = """
def run(shift):
    shift.beat()
    shift.ready()
    while True:
        signal.pause()
look([Work("worker 1", run), Work("postman", run, answers=False, silence=3600)], silence=0.5)
"""
SLOW = """
import socket, threading, urllib.request
from fastapi import FastAPI
from newsletter.web import Patience
from newsletter.web.serving import listen, serve_shared, url_of

app, listener = FastAPI(), listen("127.0.0.1", 0)
def run(shift):
    beats, many = [], threading.Event()
    def beat():
        shift.beat()
        beats.append(1)
        if len(beats) == 20:
            many.set()
    @app.get("/")
    def slow():
        return many.wait(300)
    serve_shared(app, listener, Patience(), shift.ready, shift.lifeline, beat)
print(url_of(listener, "127.0.0.1"), flush=True)
look([Work("worker 1", run)], silence=300)
"""


def running(tmp_path, program, *arguments):
    command = [sys.executable, "-c", BEGIN + program, str(tmp_path / "tries"), *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    return subprocess.Popen(command, text=True, **pipes)


def test_workers_that_die_as_they_begin_end_the_service_with_one_line(tmp_path):
    with running(tmp_path, DIES) as process:
        out, err = process.communicate(timeout=300)

    assert process.returncode == 1
    assert out.startswith("all workers end as soon as they begin, 5 times by now |")
    assert len((tmp_path / "tries").read_text()) == 5
    assert err.count("ended with 7; another one takes its place in ") == 5
    waits = [float(line.split()[-2]) for line in err.splitlines()]
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]


def test_one_that_dies_before_it_is_ready_is_tried_again_and_tells_no_address(tmp_path):
    with running(tmp_path, DIES_ONCE) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        out, err = process.communicate(timeout=300)

    assert (process.returncode, out) == (0, "left\n")
    assert "worker 1: this is a fault of the program: RuntimeError" in err
    assert "ada@" not in err


def test_one_that_gives_no_sign_of_life_any_more_is_replaced(tmp_path):
    with running(tmp_path, FALLS_SILENT) as process:
        assert process.stdout.readline() == "ready\n"
        told = [process.stderr.readline(), process.stderr.readline()]
        process.terminate()
        process.communicate(timeout=60)

    assert told[0].endswith("gives no sign of life\n")
    assert "was ended by SIGKILL; another one takes its place" in told[1]


def test_one_that_may_be_silent_for_longer_is_left_alone(tmp_path):
    with running(tmp_path, ONE_FALLS_SILENT) as process:
        assert process.stdout.readline() == "ready\n"
        told = [process.stderr.readline() for _ in range(6)]
        process.terminate()
        process.communicate(timeout=60)

    assert all("worker 1 " in line for line in told), told


def test_one_that_takes_long_for_a_request_gives_signs_of_life(tmp_path):
    """The request is answered when there were twenty of them."""
    with running(tmp_path, SLOW) as process:
        url = process.stdout.readline().strip()
        assert process.stdout.readline() == "ready\n"
        assert httpx.get(url, timeout=300).text == "true"
        process.terminate()
        out, err = process.communicate(timeout=300)

    assert (process.returncode, out, err) == (0, "left\n", "")


@pytest.mark.parametrize(("grace", "signals"), [("600", 2), ("-5", 1)], ids=["second signal", "grace over"])
def test_one_that_does_not_end_is_ended(tmp_path, grace, signals):
    """By a second signal at once, or when its time is over."""
    with running(tmp_path, HANGS, grace) as process:
        assert process.stdout.readline() == "ready\n"
        for sign in (signal.SIGTERM, signal.SIGINT)[:signals]:
            process.send_signal(sign)
        out, _ = process.communicate(timeout=300)

    assert (process.returncode, out) == (0, "left\n")
