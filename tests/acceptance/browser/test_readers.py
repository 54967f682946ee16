"""Readers join, change what they receive, take their data and go: real mail, a real browser, the real service."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest
from browsing import faults, newsletter, overhang, serving
from joining import mails_in
from playwright.sync_api import expect
from ports import kept_port

from newsletter.config import load_publication
from newsletter.migrations import open_database
from subscribers import Consent, ConsentKind, Status, SubscriberStore, Tokens, now
from subscribers.joining import ask_for_topics
from subscribers.topics import add_topic

SETTINGS = """
[signup]
form_seconds = 0
per_network = 1000
proof_of_work = 2000
"""
NUMBERS = count(1)
#: How long a mail may take on a loaded machine, in seconds.
PATIENCE = 300
both = pytest.mark.parametrize("js", [True, False], ids=["scripts", "no scripts"])


@dataclass
class Served:
    """A service that runs, its list, and the mail that it sends."""

    url: str
    root: Path
    store: SubscriberStore
    tokens: Tokens

    def mail(self, address: str, number: int = 1):
        """The mail of that number to an address, as soon as it is there."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            mails = mails_in(self.root / "outbox" / "notices", self.store.engine)
            mine = [mail for mail in mails if mail["To"] == address]
            if len(mine) >= number:
                return mine[number - 1]
            time.sleep(0.05)
        raise AssertionError(f"no mail to {address}")

    def link(self, address: str, number: int = 1) -> str:
        """The link in a mail."""
        text = self.mail(address, number).get_body(("plain",)).get_content()
        return re.search(rf"{self.url}/\w+/\S+", text)[0]

    def reader(self, **said):
        """Somebody new on the list."""
        email = f"reader{next(NUMBERS)}@example.com"
        known = {"first_name": "Mona", "last_name": "Haddad", "topics": ["ai"], **said}
        return self.store.add(email, consent=Consent(ConsentKind.OPT_IN, "test"), **known)[0]

    def page(self, action: str, reader) -> str:
        """A page of a reader, by a fresh link."""
        until = now() + timedelta(hours=1)
        return f"{self.url}/{action}/{self.tokens.sign(action, reader.public_id, until=until)}"


@pytest.fixture(scope="module")
def served(folder):
    """The service under the address that the publication says it has: its mail leads there."""
    with kept_port() as port:
        settings = folder / "newsletter.toml"
        known = settings.read_text(encoding="utf-8")
        url = f'[publication]\nurl = "http://127.0.0.1:{port}"'
        settings.write_text(known.replace("[publication]", url), encoding="utf-8")
        engine = open_database(load_publication(folder))
        add_topic(engine, "ai", "Machines & Minds")
        add_topic(engine, "web", "The open web")
        with serving(folder, port) as url:
            yield Served(url, folder, SubscriberStore(engine), Tokens(engine))
        engine.dispose()


@both
def test_a_reader_joins(open_page, served, js):
    page, email = open_page(js=js), f"join{next(NUMBERS)}@example.com"
    page.goto(served.url)
    page.get_by_role("main").get_by_role("link", name="Subscribe").click()
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("First name").fill("Ada")
    page.get_by_label("The open web").uncheck()
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your inbox")

    page.goto(served.link(email))
    assert served.store.find(email).status is Status.PENDING
    page.get_by_role("button", name="Yes, subscribe me").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are in")
    found = served.store.find(email)
    assert (found.status, found.topics, found.first_name) == (Status.ACTIVE, ("ai",), "Ada")


@both
def test_a_reader_without_a_mouse_joins_and_leaves(open_page, served, js):
    page, email = open_page(js=js, width=1000), f"keys{next(NUMBERS)}@example.com"

    def tab_to(name):
        for _ in range(30):
            page.keyboard.press("Tab")
            if (
                page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()")
                == name
            ):
                return
        raise AssertionError(f"{name} cannot be reached")

    page.goto(f"{served.url}/subscribe")
    tab_to("email")
    page.keyboard.type(email)
    tab_to("topic")
    page.keyboard.press("Space")
    tab_to("Subscribe")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your inbox")
    page.goto(served.link(email))
    tab_to("Yes, subscribe me")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are in")
    tab_to("Open your preferences")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your preferences")
    tab_to("Unsubscribe")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    assert served.store.find(email).status is Status.UNSUBSCRIBED


@both
def test_a_lost_link_is_mailed_and_preferences_are_changed(open_page, served, js):
    page, reader = open_page(js=js), served.reader()
    page.goto(f"{served.url}/subscribe")
    page.get_by_role("link", name="Have your link mailed to you").click()
    page.get_by_label("E-mail address").fill(reader.email)
    page.get_by_role("button", name="Mail me my link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your inbox")

    page.goto(served.link(reader.email))
    page.get_by_label("First name").fill("Layla")
    page.get_by_label("The open web").check()
    page.get_by_label("Time zone").select_option("Asia/Beirut")
    page.get_by_label("Language").select_option("ar")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("حُفظت تغييراتك.")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    found = served.store.find(reader.email)
    assert (found.first_name, found.topics, found.time_zone, found.locale) == (
        "Layla",
        ("ai", "web"),
        "Asia/Beirut",
        "ar",
    )


@pytest.mark.parametrize(
    ("browsers", "chosen"),
    [("Europe/Berlin", "Europe/Berlin"), ("Asia/Calcutta", "Asia/Kolkata"), ("UTC", "UTC")],
)
def test_the_time_zone_of_the_browser_is_chosen_for_who_has_none(browser, served, browsers, chosen):
    """By whatever name the browser knows it; what a reader chose is left alone."""
    free, settled = served.reader(), served.reader(time_zone="Asia/Tokyo")
    context = browser.new_context(timezone_id=browsers)
    page = context.new_page()
    page.goto(served.page("preferences", free))
    expect(page.get_by_label("Time zone")).to_have_value(chosen)
    expect(page.get_by_text("(as your browser says)")).to_be_visible()
    assert served.store.find(free.email).time_zone == ""

    page.goto(served.page("preferences", settled))
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    expect(page.get_by_text("(as your browser says)")).to_have_count(0)
    context.close()


@both
def test_a_reader_who_would_leave_pauses_instead(open_page, served, js):
    page, reader = open_page(js=js), served.reader()
    page.goto(f"{served.url}/unsubscribe/{served.tokens.sign('unsubscribe', reader.public_id)}")
    page.get_by_role("link", name="a break of a month").click()
    page.get_by_role("button", name="Pause for a month").click()

    expect(page.get_by_role("heading", name="You are taking a break")).to_be_visible()
    assert served.store.find(reader.email).paused_until > now() + timedelta(days=29)


@both
def test_a_reader_takes_their_data_and_is_forgotten(open_page, served, js):
    page, reader = open_page(js=js), served.reader()
    page.goto(f"{served.url}/preferences/{served.tokens.sign('preferences', reader.public_id)}")
    page.get_by_role("button", name="Mail me a link to a copy").click()
    expect(page.get_by_role("status")).to_contain_text("r•••@example.com")
    page.get_by_role("button", name="Mail me a link to delete it").click()
    page.goto(served.link(reader.email))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download my data").click()
    known = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert (known["email"], known["last_name"]) == (reader.email, "Haddad")

    page.goto(served.link(reader.email, 2))
    page.get_by_role("button", name="Delete all my data").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("We have forgotten you")
    assert served.store.find(reader.email) is None


@pytest.fixture(scope="module")
def elsewhere(served, tmp_path_factory):
    """Another site, with the form that the command prints."""
    form, site = newsletter(served.root, "signup-form"), tmp_path_factory.mktemp("elsewhere")
    (site / "index.html").write_text(f"<!doctype html><title>Elsewhere</title>{form}", encoding="utf-8")
    (site / "favicon.ico").write_bytes(b"")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_form_on_another_site_answers_in_place(open_page, served, elsewhere):
    page, email = open_page(), f"else{next(NUMBERS)}@example.com"
    page.goto(elsewhere)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Subscribe").click()

    expect(page.get_by_role("status")).to_contain_text("check your inbox")
    expect(page.get_by_role("status")).to_be_focused()
    assert page.url == elsewhere
    assert "confirm" in served.link(email)


COUNTED = """
const digest = crypto.subtle.digest.bind(crypto.subtle);
crypto.subtle.digest = (...said) => { console.info("digest on the page"); return digest(...said); };
"""


@pytest.mark.parametrize("where", ["here", "on another site"])
@pytest.mark.parametrize("helper", ["a worker", "no worker"])
def test_the_sum_is_done_beside_the_page_where_the_browser_can(open_page, served, elsewhere, where, helper):
    """The page stays at the reader's hand, under its strict policy; without workers it does the sum itself."""
    page, email = open_page(), f"sum{next(NUMBERS)}@example.com"
    workers, sums = [], []
    page.on("worker", lambda worker: workers.append(worker))
    page.on("console", lambda told: sums.append(told.text) if "digest" in told.text else None)
    page.add_init_script(COUNTED if helper == "a worker" else f"{COUNTED}; delete globalThis.Worker;")
    page.goto(f"{served.url}/subscribe" if where == "here" else elsewhere)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_text("check your inbox", exact=False).first).to_be_visible(timeout=30_000)

    assert "confirm" in served.link(email)
    assert (len(workers), bool(sums)) == ((1, False) if helper == "a worker" else (0, True))


def test_a_form_on_another_site_works_without_its_script(open_page, served, elsewhere):
    page, email = open_page(js=False), f"else{next(NUMBERS)}@example.com"
    page.goto(elsewhere)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("alert")).to_contain_text("press the button once more")
    page.get_by_role("button", name="Subscribe").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Check your inbox")
    assert "confirm" in served.link(email)


def more_topics(served, reader) -> str:
    """The page on which a reader confirms that they want one more topic."""
    with served.store.engine.begin() as connection:
        ask_for_topics(connection, reader.id, ["web"], Consent(ConsentKind.OPT_IN, "test"), now())
    token = served.tokens.sign("confirm", reader.public_id, "web", until=now() + timedelta(hours=1))
    return f"{served.url}/confirm/{token}"


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_fault_that_axe_finds_or_is_too_wide(open_page, served, scheme, language):
    """On a phone, light and dark, from the left and from the right; contrast among it."""
    page = open_page(scheme=scheme, width=320, language=language)
    reader, gone = served.reader(locale=language), served.reader(locale=language)
    served.store.unsubscribe(gone.email, source="test")
    pending, _ = served.store.add(
        f"pending{next(NUMBERS)}@example.com",
        locale=language,
        consent=Consent(ConsentKind.OPT_IN, "test"),
        status=Status.PENDING,
    )
    old = served.tokens.sign("preferences", reader.public_id)
    topic = served.tokens.sign("unsubscribe", reader.public_id, "ai")
    addresses = {
        "home": served.url,
        "subscribe": f"{served.url}/subscribe",
        "ask": f"{served.url}/preferences",
        "confirm": served.page("confirm", pending),
        "joined": served.page("confirm", reader),
        "more": more_topics(served, reader),
        "nothing here": f"{served.url}/nowhere?lang={language}",
        "preferences": served.page("preferences", reader),
        "old preferences": f"{served.url}/preferences/{old}",
        "leave": f"{served.url}/unsubscribe/{topic}",
        "left": served.page("preferences", gone),
        "data": served.page("data", reader),
        "erase": served.page("erase", reader),
        "over": f"{served.url}/data/{served.tokens.sign('data', reader.public_id)}",
    }
    for name, address in addresses.items():
        page.goto(address)
        assert faults(page, resultTypes=["violations"]) == [], name
        assert overhang(page) == 0, name
        assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr"), name
