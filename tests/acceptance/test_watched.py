"""`newsletter serve` under systemd's eyes: it says that it answers, and goes on to say that it lives."""

from __future__ import annotations

import socket
import subprocess
from contextlib import closing

import httpx
import pytest


@pytest.fixture
def system(tmp_path, monkeypatch):
    """What systemd listens on; the path is short, as that of a socket must be."""
    monkeypatch.chdir(tmp_path)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as ear:
        ear.bind("notify")
        ear.settimeout(60)
        yield ear


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_service_tells_that_it_is_ready_and_then_that_it_lives(bare, system, workers, tmp_path):
    """sd_notify(3); it is asked for a sign each 0.4 s, and gives them twice as often, in one process or many."""
    command = bare.command("serve", "--port", "0", "--workers", workers)
    values = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
    with subprocess.Popen(command, env={**bare.env(), **values}, stdout=-1, stderr=-1, text=True) as process:
        try:
            told = [system.recv(100)]
            while told[-1] != b"READY=1":  # one that looks after others lives before these are ready
                told.append(system.recv(100))
            told += [system.recv(100) for _ in range(3)]
            url = process.stdout.readline().strip()
            assert httpx.get(f"{url}/healthz", timeout=60).status_code == 200
        finally:
            process.terminate()
            process.communicate()

    assert told[-3:] == [b"WATCHDOG=1"] * 3
    assert set(told[:-4]) <= {b"WATCHDOG=1"}


def test_who_is_asked_for_nothing_tells_nothing(bare, system, tmp_path):
    """The variable is meant for another process, and there is no watchdog; ready it is all the same."""
    values = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000", "WATCHDOG_PID": "1"}
    command = bare.command("serve", "--port", "0")
    with subprocess.Popen(command, env={**bare.env(), **values}, stdout=-1, stderr=-1, text=True) as process:
        try:
            assert process.stdout.readline().startswith("http://")
            assert system.recv(100) == b"READY=1"
        finally:
            process.terminate()
            process.communicate()
    system.setblocking(False)
    with pytest.raises(BlockingIOError):
        system.recv(100)
