"""What others wrote down settles doubt; that nothing was written settles nothing."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import fill, leave_in_doubt, names, plan, run, those_in
from fakes.providers import ScriptedProvider
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter.delivery import DispatchState, cancel, ledger, log, pause, settle_by, status
from newsletter.delivery.control import begin
from newsletter.delivery.evidence import Evidence, from_list, from_postfix, from_sendgrid, settled_by
from newsletter.delivery.identity import worker_name
from newsletter.delivery.models import DISPATCH, SETTLEMENT
from newsletter.errors import UsageError
from subscribers import now

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Engine

LOG = """\
Apr 11 08:00:01 mx postfix/smtpd[11]: 4ABC01: client=localhost[127.0.0.1]
Apr 11 08:00:01 mx postfix/cleanup[12]: 4ABC01: message-id=<{0}@example.com>
Apr 11 08:00:01 mx postfix/qmgr[13]: 4ABC01: from=<n@example.com>, size=6000, nrcpt=1 (queue active)
Apr 11 08:00:02 mx postfix/smtp[14]: 4ABC01: to=<r1@x>, relay=x, delay=1, dsn=2.0.0, status=sent (250 ok)
Apr 11 08:00:02 mx postfix/qmgr[13]: 4ABC01: removed
Apr 11 08:00:03 mx postfix/cleanup[12]: 4ABC02: message-id=<{1}@example.com>
Apr 11 08:00:03 mx postfix/smtpd[11]: lost connection after DATA from localhost[127.0.0.1]
2026-04-11T08:00:04.5+00:00 mx postfix-out/submission/cleanup[12]: 3Zz9pQ1xyzB: message-id=<{2}@example.com>
2026-04-11T08:00:04.6+00:00 mx postfix-out/qmgr[13]: 3Zz9pQ1xyzB: from=<n@example.com>, nrcpt=1 (queue active)
Apr 11 08:00:09 mx sshd[1]: something else
Apr 11 08:00:09 mx postfix/cleanup[12]: 4ABC01: message-id=<someone.elses@example.net>
"""


@pytest.fixture
def doubt(engine: Engine) -> Engine:
    """A dispatch in which readers 1 to 4 are in doubt and reader 5 is not."""
    leave_in_doubt(engine)
    return engine


def ids(engine: Engine) -> list[str]:
    return [line.message_id[1:].partition("@")[0] for line in log(engine, "issue-1")]


def test_a_list_settles_those_on_it_by_address_or_message_id(doubt: Engine, tmp_path: Path) -> None:
    """Whoever on it is not in doubt does not matter."""
    path = tmp_path / "got-it.txt"
    path.write_text(
        f"# from the relay\nREADER1@example.com\n<{ids(doubt)[1]}@example.com>\n{ids(doubt)[2]}\n"
        "reader5@example.com\nstranger@example.com\n\n",
        encoding="utf-8",
    )

    assert settle_by(doubt, "issue-1", from_list(path)) == (3, 0, 0)
    assert those_in(doubt, "uncertain") == names(4)
    assert {line.reason for line in log(doubt, "issue-1", "accepted")} == {
        "listed in got-it.txt",
        "said accepted",
    }
    with doubt.connect() as connection:
        notes = connection.execute(select(SETTLEMENT.c.before, SETTLEMENT.c.after)).all()
    assert [tuple(note) for note in notes] == [("uncertain", "accepted")] * 3


@pytest.mark.parametrize("read", [from_postfix, from_list])
@pytest.mark.parametrize("packed", [False, True])
def test_a_postfix_log_settles_what_came_into_its_queue(
    doubt: Engine, tmp_path: Path, packed: bool, read: Callable[[Path], Evidence]
) -> None:
    """That it saw a Message-ID is not enough: the message may not have been complete.

    It is known for what it is where a list is expected, too.
    """
    path = tmp_path / ("mail.log.gz" if packed else "mail.log")
    content = LOG.format(*ids(doubt)).encode()
    path.write_bytes(gzip.compress(content) if packed else content)

    assert settle_by(doubt, "issue-1", read(path)) == (2, 0, 0)
    assert those_in(doubt, "uncertain") == names(2, 4)
    reasons = {line.email: line.reason for line in log(doubt, "issue-1", "accepted")}
    assert reasons["reader1@example.com"] == "postfix: sent (250 ok)"
    assert reasons["reader3@example.com"] == "postfix: queued"


@pytest.mark.parametrize("read", [from_sendgrid, from_list])
@pytest.mark.parametrize("lines", [False, True])
def test_events_of_sendgrid_settle_what_they_are_about(
    doubt: Engine, tmp_path: Path, lines: bool, read: Callable[[Path], Evidence]
) -> None:
    events = [
        {"event": "delivered", "email": "x", "newsletter_delivery": ids(doubt)[0], "response": "250 ok"},
        {"event": "bounce", "smtp-id": f"<{ids(doubt)[1]}@example.com>", "reason": "550 no"},
        {"event": "account_status_change", "newsletter_delivery": ids(doubt)[2]},
    ]
    text = "\n".join(map(json.dumps, events)) if lines else json.dumps(events) + "[]"
    path = tmp_path / "events.json"
    path.write_text(text, encoding="utf-8")

    assert settle_by(doubt, "issue-1", read(path)) == (2, 0, 0)
    assert those_in(doubt, "uncertain") == names(3, 4)
    assert {line.reason for line in log(doubt, "issue-1", "accepted")} >= {
        "sendgrid: delivered 250 ok",
        "sendgrid: bounce 550 no",
    }


def test_who_was_mailed_by_a_ledger_that_a_backup_replaced_is_not_mailed_again(
    engine: Engine, tmp_path: Path
) -> None:
    """The restored ledger knows them as pending; those it has in the hands of a dead worker are pending, too."""
    fill(engine, 6)
    plan(engine, ScriptedProvider(batch_size=2))
    begin(engine, "issue-1", "smtp")
    with engine.connect() as connection:
        dispatch = connection.scalar(select(DISPATCH.c.id)) or 0
    gone = worker_name().replace(f":{os.getpid()}:", ":1:")  # another process, that runs no longer as such
    lease = ledger.claim(engine, dispatch, gone, now())
    assert lease is not None
    assert ledger.authorise(engine, lease, lease.untried[:1], [], now()) is not None
    (tmp_path / "got-it.txt").write_text("reader1@example.com\nreader2@example.com\nREADER4@example.com\n")

    assert settle_by(engine, "issue-1", from_list(tmp_path / "got-it.txt")) == (1, 2, 0)

    assert those_in(engine, "pending") == names(3, 5, 6)
    provider = ScriptedProvider()
    standing = run(engine, provider)
    assert set(provider.taken) == names(3, 5, 6)
    assert (standing.state, standing.accepted) == (DispatchState.FINISHED, 6)
    with engine.connect() as connection:
        notes = connection.execute(select(SETTLEMENT.c.before, SETTLEMENT.c.after)).all()
    assert Counter(map(tuple, notes)) == {("uncertain", "accepted"): 1, ("pending", "accepted"): 2}


def test_a_dispatch_of_which_all_is_proved_is_finished_without_a_mail(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 3)
    plan(engine, ScriptedProvider())
    begin(engine, "issue-1", "smtp")
    pause(engine, "issue-1")
    (tmp_path / "ids.txt").write_text("\n".join(ids(engine)))

    assert settle_by(engine, "issue-1", from_list(tmp_path / "ids.txt")) == (0, 3, 0)
    assert status(engine, "issue-1").state is DispatchState.FINISHED
    assert settle_by(engine, "issue-1", from_list(tmp_path / "ids.txt")) == (0, 0, 0)


def test_what_a_living_worker_holds_is_left_to_it(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 4)
    plan(engine, ScriptedProvider(batch_size=2))
    begin(engine, "issue-1", "smtp")
    with engine.connect() as connection:
        dispatch = connection.scalar(select(DISPATCH.c.id)) or 0
    lease = ledger.claim(engine, dispatch, worker_name(), now())
    assert lease is not None
    (tmp_path / "got-it.txt").write_text("reader1@example.com\nreader3@example.com\n")

    assert settle_by(engine, "issue-1", from_list(tmp_path / "got-it.txt")) == (0, 1, 1)

    assert those_in(engine, "pending") == names(1, 2, 4)
    assert ledger.authorise(engine, lease, lease.untried, [], now()) is not None


def test_of_a_cancelled_dispatch_nobody_waits(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 2)
    plan(engine, ScriptedProvider())
    cancel(engine, "issue-1")
    (tmp_path / "got-it.txt").write_text("reader1@example.com\n")

    assert settle_by(engine, "issue-1", from_list(tmp_path / "got-it.txt")) == (0, 0, 0)
    assert those_in(engine, "skipped") == names(1, 2)


def test_files_that_are_no_evidence_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(UsageError, match="cannot be read"):
        from_list(path)
    path.write_text("no log", encoding="utf-8")
    with pytest.raises(UsageError, match="`no log` is no address and no Message-ID"):
        from_list(path)
    with pytest.raises(UsageError, match="no line of it is Postfix's"):
        from_postfix(path)
    with pytest.raises(UsageError, match="no JSON"):
        from_sendgrid(path)
    packed = tmp_path / "x.gz"
    packed.write_bytes(b"not packed")
    with pytest.raises(UsageError, match="cannot be read"):
        from_postfix(packed)


@given(st.text(max_size=200))
def test_evidence_of_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_text(text, encoding="utf-8", errors="replace")

    for read in (from_list, from_postfix, from_sendgrid):
        try:
            assert settled_by(read(path), []) == {}
        except UsageError as error:
            assert error.hint
