"""Names of deliveries and of workers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery import identity
from newsletter.delivery.identity import delivery_id, is_gone, worker_name


@given(st.binary(min_size=32, max_size=32), st.integers(1, 2**63 - 1))
def test_a_delivery_id_is_short_opaque_and_always_the_same(secret: bytes, subscriber_id: int) -> None:
    name = delivery_id(secret, subscriber_id)

    assert re.fullmatch(r"[a-z]{24}", name)
    assert name == delivery_id(secret, subscriber_id)
    assert name != delivery_id(secret, subscriber_id - 1)


def test_delivery_ids_of_one_batch_stand_side_by_side() -> None:
    """Or each batch would write all over the index of a million deliveries."""
    secret = bytes(32)
    names = [delivery_id(secret, number) for number in range(5 * 1024)]

    assert len(set(names)) == len(names)
    assert len({name[:6] for name in names}) == 5
    assert len({name[:6] for name in names[:1024]}) == 1


def test_a_worker_of_this_process_is_not_gone() -> None:
    assert not is_gone(worker_name())


def test_two_workers_never_have_one_name() -> None:
    assert worker_name() != worker_name()


def test_a_worker_whose_process_ended_is_gone() -> None:
    code = "from newsletter.delivery.identity import worker_name; print(worker_name())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert is_gone(ended.stdout.strip())


def test_a_number_given_to_another_process_does_not_bring_a_worker_back() -> None:
    host, _, _, random = worker_name().rsplit(":", 3)

    assert is_gone(f"{host}:{os.getpid()}:1:{random}")


def test_a_worker_whose_process_is_hidden_may_live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another user's, where /proc is mounted with hidepid; it was taken for dead in the middle of its work."""
    name = worker_name()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = name.rsplit(":", 3)[0]
    monkeypatch.setattr(identity, "_host", lambda: host)
    monkeypatch.setattr(identity, "PROCESSES", tmp_path)

    assert not is_gone(name)
    assert is_gone(f"{host}:{ended.pid}:1:abcd")


def test_another_machine_of_the_same_name_is_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its process numbers say nothing here: each machine took the other's workers for dead."""
    machine = tmp_path / "machine-id"
    monkeypatch.setattr(identity, "MACHINE", machine)
    machine.write_text("0123456789abcdef0123456789abcdef\n", encoding="ascii")
    host, _, _, random = worker_name().rsplit(":", 3)
    elsewhere = f"{host}:{os.getpid()}:1:{random}"
    gone_there = is_gone(elsewhere)
    machine.write_text("fedcba9876543210fedcba9876543210\n", encoding="ascii")

    assert (gone_there, is_gone(elsewhere)) == (True, False)
    assert "0123456789abcdef" not in elsewhere


def test_nothing_is_known_of_a_worker_elsewhere() -> None:
    assert not is_gone("another-machine/pid:[1]:1:1:abcd")
