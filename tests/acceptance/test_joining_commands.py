"""The commands about joining, as people and cron run them."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta

import httpx
import pytest

from newsletter.config import load_publication
from newsletter.migrations import open_database
from newsletter.notices import NoticeKind, enqueue
from subscribers import now, writing
from subscribers.store import SubscriberStore


@pytest.fixture
def waiting(letter):
    """A publication in which a notice waits."""
    engine = open_database(load_publication(letter.root))
    ann = SubscriberStore(engine).find("ann@example.com")
    at = now()
    with writing(engine) as connection:
        enqueue(connection, NoticeKind.PREFERENCES, ann.id, "de", at, until=at + timedelta(days=365))
    engine.dispose()
    return letter


def test_a_form_for_other_sites_is_printed(letter):
    form = letter.ok("signup-form", "--language", "fr").out

    assert 'action="https://news.example.com/subscribe?lang=fr"' in form
    assert 'src="https://news.example.com/subscribe.js"' in form
    assert "S’abonner" in form


def test_there_is_no_form_where_nobody_can_sign_up(letter):
    letter.environment["NEWSLETTER_SIGNUP__ENABLED"] = "false"
    done = letter.run("signup-form")

    assert done.code == 3
    assert done.lines[0] == "error: signup.enabled: nobody can sign up"


@pytest.mark.parametrize("command", [["notices", "send"], ["run-due"]], ids=["send", "run-due"])
def test_notices_are_handed_over_without_the_service(waiting, command):
    assert waiting.ok("notices", "list", "--json").json == {"preferences": {"waiting": 1}}
    assert "notices: 1 accepted" in waiting.ok(*command).err
    assert waiting.ok("notices", "list").out == "preferences\taccepted\t1\n"
    assert len(list((waiting.root / "outbox" / "notices").glob("*.eml"))) == 1
    assert re.search("accepted", waiting.ok(*command).err) is None


def test_notices_wait_for_a_provider_that_is_set_up(waiting):
    waiting.environment["NEWSLETTER_DELIVERY__PROVIDER"] = "sendgrid"
    done = waiting.run("notices", "send")

    assert (done.code, "API key" in done.err) == (3, True)
    assert waiting.ok("notices", "list").out == "preferences\twaiting\t1\n"


def test_erasure_on_the_command_line_reaches_notices(waiting):
    waiting.ok("notices", "send")
    waiting.ok("subscribers", "erase", "ann@example.com", "--yes")

    assert list((waiting.root / "outbox" / "notices").glob("*.eml")) == []
    assert waiting.ok("notices", "list", "--json").json == {}


def test_a_service_that_is_killed_after_its_answer_loses_no_mail_and_doubles_none(bare):
    """The notice is written with the sign-up, before the answer; whoever comes next hands it over."""
    bare.environment |= {"NEWSLETTER_SIGNUP__FORM_SECONDS": "0", "NEWSLETTER_SIGNUP__PROOF_OF_WORK": "0"}
    command = bare.command("serve", "--port", "0")
    with subprocess.Popen(
        command, env=bare.env(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        url = process.stdout.readline().strip()
        page = httpx.get(f"{url}/subscribe", timeout=300).text
        token = re.search(r'name="form" value="([^"]+)"', page)[1]
        answer = httpx.post(f"{url}/subscribe", data={"email": "ada@example.com", "form": token}, timeout=300)
        process.kill()
    assert answer.status_code == 200
    bare.ok("notices", "send")

    assert bare.ok("notices", "list").out == "confirm\taccepted\t1\n"
    assert len(list((bare.root / "outbox" / "notices").glob("*.eml"))) == 1
