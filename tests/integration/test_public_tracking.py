"""Tracked links: from a dispatch over the readers' web service to what is recorded, on both databases."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from fakes.dispatching import fill, plan, run
from fakes.editions import edition
from fakes.providers import ScriptedProvider
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from webclient import WebClient

from newsletter.config import Publication, Settings, TrackingSettings
from newsletter.delivery import Extent, clicks_by_link, engagement, fold_events, log, status
from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH
from newsletter.delivery.tracking import COUNT, TRACKED, freeze_extent
from newsletter.editions.links import find_links
from newsletter.messages.marks import Marks
from newsletter.providers import Verdict
from newsletter.public import create_app
from newsletter.public.tracking import PIXEL
from subscribers import Consent, Event, EventKind, SubscriberStore, parse_segment, record_events, writing
from subscribers.engagement import EVENT
from subscribers.keys import add_key
from subscribers.models import KeyPurpose, TrackingConsent
from subscribers.retention import Policy, expire
from subscribers.tables import CONSENT_EVENT
from subscribers.tracking import set_tracking
from subscribers.transfer import export_person

BASE = "https://news.example.com"
URLS = [f"https://e.com/{number}?a=1&b=2" for number in range(1, 6)]
HTML = (
    "<html><body>"
    + "".join(f'<a href="{url.replace("&", "&amp;")}">x</a>' for url in URLS)
    + "</body></html>"
)
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
ON = {"opens": True, "clicks": True}


class Kept(ScriptedProvider):
    """Keeps the HTML of what it takes, by address."""

    def __init__(self) -> None:
        super().__init__(self._keep)
        self.html: dict[str, str] = {}
        self.bytes: dict[str, bytes] = {}

    def _keep(self, message) -> Verdict:
        self.html[message.email] = message.composer.html(message)
        self.bytes[message.email] = message.as_bytes()
        return Verdict.ACCEPTED


class World:
    """A publication with a list of four, of whom the first two agreed to be tracked.

    The service's clock goes on by a millisecond when it is looked at: what follows on each other here comes at
    once, however busy the machine is.
    """

    def __init__(self, engine, tmp_path, **tracking) -> None:
        self.engine = engine
        self.settings = TrackingSettings(**{**ON, **tracking})
        values = {
            "publication": {"name": "N", "from": "N <n@example.com>", "url": BASE},
            "tracking": self.settings,
        }
        publication = Publication(tmp_path, Settings.model_validate(values))
        begun, ticks = datetime.now(UTC), count(1)

        def clock() -> datetime:
            return begun + timedelta(milliseconds=next(ticks))

        self.client = WebClient(create_app(publication, engine, clock=clock))
        self.store = fill(engine, 4)
        for who in (1, 2):
            self.say(who, TrackingConsent.GRANTED)
        self.edition = replace(edition(), html=HTML, text="\n".join(URLS))
        self.provider = Kept()

    def say(self, who: int, said: TrackingConsent) -> bool:
        return set_tracking(self.store, self._id(who), said, Consent(source="test", text="yes"))

    def _id(self, who: int) -> int:
        return self.store.find(f"reader{who}@example.com").id

    def send(self, *, past: timedelta = timedelta(hours=1), extent: Extent | None = None):
        """Hand everything over, so long ago that nobody is too quick."""
        links = tuple(link.frozen for link in find_links(self.edition, BASE)) if self.settings.clicks else ()
        extent = extent or Extent(self.settings.opens, self.settings.clicks, self.settings.anonymous, links)
        plan(self.engine, self.provider, what=self.edition, tracked=extent)
        run(self.engine, self.provider, tracking=self.settings)
        with writing(self.engine) as connection:
            connection.execute(update(DELIVERY).values(at=datetime.now(UTC) - past))

    def links(self, who: int = 1) -> list[str]:
        return re.findall(rf'href="{BASE}(/c/[^"]+)"', self.provider.html[f"reader{who}@example.com"])

    def picture(self, who: int = 1) -> str:
        return re.search(rf'src="{BASE}(/o/[^"]+)"', self.provider.html[f"reader{who}@example.com"])[1]

    def get(self, path: str, method: str = "GET", agent: str = CHROME, **headers: str):
        return self.client.request(method, path, headers={"user-agent": agent, **headers})

    def events(self):
        with self.engine.connect() as connection:
            return connection.execute(select(EVENT).order_by(EVENT.c.id)).all()

    def counts(self):
        with self.engine.connect() as connection:
            rows = connection.execute(select(COUNT)).all()
        return {(row.kind, row.link, row.by_machine): row.count for row in rows}


@pytest.fixture
def world(engine, tmp_path):
    return World(engine, tmp_path)


def test_a_link_leads_exactly_where_the_edition_pointed(world):
    world.send()

    for path, url in zip(world.links(), URLS, strict=True):
        answer = world.get(path + "?next=https://evil.example/", **{"x-forwarded-host": "evil.example"})
        assert (answer.status_code, answer.headers["location"]) == (302, url)
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers
        assert world.get(path, "HEAD").headers["location"] == url


def test_who_did_not_agree_gets_the_bytes_of_an_untracked_mail(world, engine):
    world.send()
    tracked, world.provider = world.provider, Kept()
    plan(engine, world.provider, what=replace(world.edition, slug="other"))
    run(engine, world.provider, "other-1")
    bare = {
        who: re.sub(rb"(?m)^(Message-ID|List-Unsubscribe|Date): .*\r\n", b"", raw)
        for who, raw in world.provider.bytes.items()
    }

    for who in ("reader3@example.com", "reader4@example.com"):
        ours = re.sub(rb"(?m)^(Message-ID|List-Unsubscribe|Date): .*\r\n", b"", tracked.bytes[who])
        boundary = re.search(rb'boundary="(.*)"', ours)[1]
        theirs = re.search(rb'boundary="(.*)"', bare[who])[1]
        assert ours == bare[who].replace(theirs, boundary)
    assert URLS[0] not in tracked.html["reader1@example.com"]


@pytest.mark.parametrize(
    "tracking", [{"opens": False, "clicks": False}, {"topics": {}, "clicks": False, "opens": False}]
)
def test_nothing_is_tracked_unless_the_publication_says_so(engine, tmp_path, tracking):
    world = World(engine, tmp_path, **tracking)
    extent = Extent(True, True, False, tuple(link.frozen for link in find_links(world.edition, BASE)))
    world.send(extent=extent)

    assert world.links() == []
    assert "/o/" not in world.provider.html["reader1@example.com"]


def test_with_opt_out_all_are_tracked_who_did_not_refuse(engine, tmp_path):
    world = World(engine, tmp_path, consent="opt-out")
    world.say(4, TrackingConsent.DENIED)
    world.send()

    assert [len(world.links(who)) for who in (1, 2, 3, 4)] == [5, 5, 5, 0]


def test_a_click_is_recorded_with_who_and_where_and_nothing_of_the_network(world):
    world.send()
    world.get(world.links(2)[1])
    (event,) = world.events()

    assert (event.kind, event.subscriber_id, event.url, event.link) == ("clicked", world._id(2), URLS[1], 2)
    assert (event.dispatch, event.issue, event.by_machine, event.machine) == ("issue-1", "issue", False, "")
    assert not any("Mozilla" in str(value) or "127.0.0.1" in str(value) for value in event)


def test_the_same_click_twice_within_a_minute_is_one(world):
    world.send()
    for _ in range(3):
        world.get(world.links()[0])

    assert len({(event.at.minute, event.link) for event in world.events()}) == len(world.events())


def test_the_picture_tells_that_a_message_was_opened(world):
    world.send()
    answer = world.get(world.picture())
    (event,) = world.events()

    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/gif", PIXEL)
    assert answer.headers["cache-control"] == "no-store"
    assert (event.kind, event.link, event.url, event.by_machine) == ("opened", None, "", False)


def test_machines_are_recorded_and_counted_apart(world):
    world.send()
    world.get(world.picture(), agent="Mozilla/5.0")
    world.get(world.links()[0], "HEAD")
    world.get(world.links()[0], agent="curl/8.5")
    world.get(world.links(2)[0])
    world.get(world.links(2)[0], "HEAD")
    found = engagement(world.engine, "issue-1")

    assert (found.opens.people, found.opens.machines) == (0, 1)
    assert (found.clicks.people, found.clicks.machines) == (1, 1)
    assert [(link.url, link.clicks.people, link.clicks.machines) for link in found.links[:2]] == [
        (URLS[0], 1, 1),
        (URLS[1], 0, 0),
    ]
    assert found.rules["apple-privacy-proxy"] == 1
    assert clicks_by_link(world.engine, "issue-1") == found.links


def test_a_click_right_after_the_message_was_accepted_is_a_machines(world):
    world.send(past=timedelta(seconds=0))
    world.get(world.links()[0])

    assert [event.machine for event in world.events()] == ["too-soon"]


def test_a_click_before_the_outcome_is_written_down_is_a_machines(world):
    world.send()
    with writing(world.engine) as connection:
        connection.execute(delete(DELIVERY))
    world.get(world.links()[0])

    assert [event.machine for event in world.events()] == ["too-soon"]


def test_clicks_on_many_links_at_once_are_a_machines_the_first_ones_too(world):
    """Whatever the order is in which they come, and however much the program looks like a browser."""
    world.send()
    for path in (world.links()[n] for n in (2, 0, 3)):
        world.get(path)
    before = [event.by_machine for event in world.events()]
    world.get(world.links()[1])

    assert before == [False] * 3
    assert [event.machine for event in world.events()] == ["many-links"] * 4


def test_clicks_that_come_at_the_very_same_moment_see_each_other(world):
    """As a scanner's do, each on a connection of its own; none of them is left for a person."""
    world.send()
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(world.get, world.links()))

    assert [answer.status_code for answer in answers] == [302] * 5
    assert [event.by_machine for event in world.events()] == [True] * 5


def test_a_person_can_read_what_was_recorded_of_them(world):
    """GDPR, article 15."""
    world.send()
    world.get(world.links(1)[0])
    (event,) = export_person(world.store, "reader1@example.com")["events"]

    assert (event["kind"], event["url"], event["dispatch"]) == ("clicked", URLS[0], "issue-1")


def test_segments_ask_for_people_only(world):
    world.send()
    world.get(world.links(1)[0], agent="curl/8")
    world.get(world.picture(1), agent="Mozilla/5.0")
    world.get(world.links(2)[0])
    world.get(world.picture(2))

    for question in ('clicked("issue")', "opened_within(30)"):
        people = world.store.list(parse_segment(question))
        assert [person.email for person in people] == ["reader2@example.com"]


def test_who_takes_consent_back_is_not_recorded_any_more_and_still_gets_there(world):
    world.send()
    world.say(1, TrackingConsent.DENIED)
    answer = world.get(world.links(1)[0])
    world.get(world.picture(1))

    assert answer.headers["location"] == URLS[0]
    assert world.events() == []


def test_who_was_erased_is_not_recorded_and_what_was_is_forgotten(world):
    world.send()
    world.get(world.links(1)[0])
    world.store.erase("reader1@example.com")
    answer = world.get(world.links(1)[1])

    assert answer.headers["location"] == URLS[1]
    assert world.events() == []


def test_when_tracking_is_switched_off_links_go_on_working_and_nothing_is_recorded(world, tmp_path):
    world.send()
    off = {"publication": {"name": "N", "from": "N <n@example.com>", "url": BASE}}
    client = WebClient(create_app(Publication(tmp_path, Settings.model_validate(off)), world.engine))
    answer = client.get(world.links()[0], headers={"user-agent": CHROME})

    assert answer.headers["location"] == URLS[0]
    assert world.events() == []


def test_a_link_works_when_everything_else_of_its_dispatch_is_forgotten(world):
    world.send()
    with writing(world.engine) as connection:
        for table in (EVENT, DELIVERY, BATCH, DISPATCH):
            connection.execute(delete(table))
    answer = world.get(world.links()[0])

    assert answer.headers["location"] == URLS[0]
    assert world.events() == []


def test_a_link_works_after_the_key_was_changed(world):
    world.send()
    add_key(world.engine, KeyPurpose.LINKS)

    assert world.get(world.links()[0]).headers["location"] == URLS[0]


def test_in_anonymous_mode_all_have_the_same_links_and_only_numbers_are_kept(engine, tmp_path):
    world = World(engine, tmp_path, anonymous=True)
    world.send()
    assert world.links(1) == world.links(2)
    assert world.links(3) == []
    for _ in range(3):
        world.get(world.links()[1])
    world.get(world.links()[1], "HEAD")
    world.get(world.picture())

    assert world.events() == []
    assert world.counts() == {("clicked", 2, False): 3, ("clicked", 2, True): 1, ("opened", 0, False): 1}
    found = engagement(engine, "issue-1")
    assert (found.clicks.anonymous, found.clicks.anonymous_machines, found.clicks.people) == (3, 1, 0)
    assert found.links[1].clicks.anonymous == 3


def test_a_tracked_get_changes_nothing_but_the_records(world):
    """Whatever is opened and followed: nobody is confirmed, unsubscribed or changed by it."""
    world.send()
    with world.engine.connect() as connection:
        before = connection.execute(select(CONSENT_EVENT)).all()
    people = world.store.list()
    for who in (1, 2):
        for path in [*world.links(who), world.picture(who)]:
            world.get(path)
            world.get(path, "HEAD")
    with world.engine.connect() as connection:
        after = connection.execute(select(CONSENT_EVENT)).all()

    assert world.store.list() == people
    assert after == before


def test_old_opens_and_clicks_become_numbers_and_who_comes_back_later_counts_again(world):
    world.send()
    world.get(world.links(1)[0])
    world.get(world.links(2)[0])
    world.get(world.links(2)[0], "HEAD")
    world.get(world.picture(1))
    with writing(world.engine) as connection:
        gone = fold_events(connection, datetime.now(UTC) + timedelta(seconds=1))
    world.get(world.links(1)[0])
    with writing(world.engine) as connection:
        fold_events(connection, datetime.now(UTC) + timedelta(seconds=1))
        again = fold_events(connection, datetime.now(UTC) + timedelta(seconds=1))
    reach = clicks_by_link(world.engine, "issue-1")[0].clicks

    assert (gone, again, world.events()) == (4, 0, [])
    assert (reach.people, reach.anonymous, reach.anonymous_machines) == (0, 3, 0)
    assert engagement(world.engine, "issue-1").opens.anonymous == 1


def follow(world, who: int, link: int, days: int, *, by_machine: bool = False) -> None:
    """Somebody followed a link so many days ago."""
    at = datetime.now(UTC) - timedelta(days=days)
    kind, name = EventKind.CLICKED, f"{who}-{link}-{days}-{by_machine}"
    more = {"issue": "issue", "dispatch": "issue-1", "link": link, "by_machine": by_machine}
    with writing(world.engine) as connection:
        record_events(connection, [Event("tracking", name, kind, world._id(who), at, **more)])


def fold(world, days: int) -> None:
    with writing(world.engine) as connection:
        fold_events(connection, datetime.now(UTC) - timedelta(days=days))


def test_who_followed_several_links_is_one_of_the_people_when_they_become_numbers(world):
    world.send()
    for who, link in ((1, 1), (1, 2), (1, 3), (2, 1)):
        follow(world, who, link, 90)
    follow(world, 2, 1, 89, by_machine=True)
    follow(world, 1, 5, 90, by_machine=True)
    before = engagement(world.engine, "issue-1")
    fold(world, 30)
    after = engagement(world.engine, "issue-1")

    assert (before.clicks.people, before.clicks.machines) == (2, 0)
    assert (after.clicks.people, after.clicks.anonymous, after.clicks.anonymous_machines) == (0, 2, 0)
    assert [link.clicks.anonymous for link in after.links[:5]] == [2, 1, 1, 0, 0]
    assert [link.clicks.anonymous_machines for link in after.links[:5]] == [0, 0, 0, 0, 1]


def test_who_did_it_again_since_is_counted_by_name_and_not_in_the_numbers_too(world):
    """And is once in the numbers when the rest becomes too old."""
    world.send()
    for who, link, days in ((1, 1, 90), (1, 2, 90), (1, 1, 5), (2, 1, 5)):
        follow(world, who, link, days)
    fold(world, 30)
    some = engagement(world.engine, "issue-1")
    fold(world, 0)
    none = engagement(world.engine, "issue-1")

    assert (some.clicks.people, some.clicks.anonymous) == (2, 0)
    assert [(each.clicks.people, each.clicks.anonymous) for each in some.links[:2]] == [(2, 0), (0, 1)]
    assert (none.clicks.people, none.clicks.anonymous) == (0, 2)
    assert [each.clicks.anonymous for each in none.links[:2]] == [2, 1]


def test_events_that_are_kept_no_longer_leave_their_numbers(world):
    """Also one that is exactly as old as may be; and what is no open or click is forgotten without."""
    world.send()
    for who in (1, 2):
        world.get(world.links(who)[0])
        world.get(world.picture(who))
    moment = datetime.now(UTC)
    with writing(world.engine) as connection:
        connection.execute(update(EVENT).values(at=moment - timedelta(days=90)))
    world.store.clock = lambda: moment
    before = engagement(world.engine, "issue-1")

    expired = expire(world.store, Policy(event_days=90), fold=fold_events)
    after = engagement(world.engine, "issue-1")

    assert (expired.events, world.events()) == (4, [])
    assert (before.opens.people, before.clicks.people) == (2, 2)
    assert (after.opens.anonymous, after.clicks.anonymous) == (2, 2)
    assert after.links[0].clicks.anonymous == 2
    assert expire(world.store, Policy(event_days=90), fold=fold_events).events == 0
    assert engagement(world.engine, "issue-1") == after


def test_the_log_tells_who_opened_and_who_clicked(world):
    world.send()
    world.get(world.picture(1))
    world.get(world.links(1)[0])
    world.get(world.links(2)[0], "HEAD")

    told = {line.email: line.events for line in log(world.engine, "issue-1")}
    assert told["reader1@example.com"] == ("opened", "clicked")
    assert {events for email, events in told.items() if "reader1" not in email} == {()}


def test_who_opens_is_in_doubt_no_more(world):
    """Also when a machine did it: the message is there."""
    world.send()
    with writing(world.engine) as connection:
        connection.execute(update(DELIVERY).values(state="uncertain"))
    world.get(world.picture(1))
    world.get(world.links(2)[0], "HEAD")

    standing = status(world.engine, "issue-1")
    assert (standing.accepted, standing.uncertain) == (2, 2)
    reasons = {line.email: line.reason for line in log(world.engine, "issue-1")}
    assert reasons["reader1@example.com"] == "tracking: opened"


def test_the_status_counts_everybody_who_opened_once(world):
    world.send()
    for who in (1, 2, 2):
        world.get(world.picture(who))

    assert status(world.engine, "issue-1").events == {"opened": 2}


def test_links_that_are_not_where_they_were_are_left_alone(world):
    """Should links be found otherwise than when the dispatch was planned, none could be trusted to lead right."""
    frozen = tuple(link.frozen for link in find_links(world.edition, BASE))
    world.send(extent=Extent(True, True, False, frozen[::-1]))

    assert world.links() == []
    assert "/o/" in world.provider.html["reader1@example.com"]


@pytest.mark.parametrize("kind", ["c", "o"])
def test_an_unknown_mark_gets_a_friendly_page_and_never_a_redirect(world, kind):
    world.send()
    marks = Marks(world.engine)
    good = world.links()[0].removeprefix("/c/")
    opened = world.picture().removeprefix("/o/").removesuffix(".gif")
    ending = ".gif" if kind == "o" else ""
    wrong = [
        "x",
        "A" * 22,
        good[:-1],
        good + "A",
        good.swapcase(),
        "..%2f..%2fetc",
        "https:%2f%2fevil.example",
        good if kind == "o" else opened,
        *marks.write(1, 1, [len(URLS) * 2 + 1, 60_000]),
        *marks.write(99, 1, [1]),
    ]

    for text in wrong:
        answer = world.get(f"/{kind}/{text}{ending}")
        assert answer.status_code == 404, text
        assert "location" not in answer.headers
    assert "There is nothing here" in world.get("/c/x").text
    assert world.events() == []


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=40,
    deadline=None,
)
@given(data=st.data())
def test_for_any_addresses_the_redirect_is_the_frozen_one_and_any_change_of_a_mark_is_none(
    sqlite_engine, tmp_path, data
):
    path = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\"), max_size=40)
    urls = data.draw(st.lists(path.map(lambda text: f"https://e.com/{text}"), min_size=1, max_size=5))
    number = data.draw(st.integers(1, 2**31))
    with writing(sqlite_engine) as connection:
        connection.execute(delete(TRACKED))
        freeze_extent(connection, number, Extent(False, True, False, tuple((url, "html") for url in urls)))
    values = {"publication": {"name": "N", "from": "N <n@example.com>", "url": BASE}}
    client = WebClient(create_app(Publication(tmp_path, Settings.model_validate(values)), sqlite_engine))
    texts = Marks(sqlite_engine).write(number, 5, range(1, len(urls) + 1))

    assert [client.get(f"/c/{text}").headers["location"] for text in texts] == urls
    place, letter = data.draw(st.integers(0, 21)), data.draw(st.sampled_from("ABCabc012-_"))
    changed = texts[0][:place] + letter + texts[0][place + 1 :]
    answer = client.get(f"/c/{changed}")
    assert changed in texts or (answer.status_code == 404 and "location" not in answer.headers)


def test_a_database_that_takes_no_record_does_not_stop_the_reader(world):
    """The record comes after the answer; when it fails, only a number is lost."""
    world.send()
    with writing(world.engine) as connection:
        connection.exec_driver_sql("DROP TABLE event")

    assert world.get(world.links()[0]).headers["location"] == URLS[0]


def test_consent_is_a_line_in_the_log_and_is_forgotten_with_the_person(engine):
    store = SubscriberStore(engine)
    ann, _ = store.add("ann@example.com")

    assert set_tracking(store, ann.id, TrackingConsent.GRANTED, Consent(source="page", text="Yes, count me"))
    assert not set_tracking(store, ann.id, TrackingConsent.GRANTED, Consent(source="page"))
    assert set_tracking(store, ann.id, TrackingConsent.DENIED, Consent(source="page"))
    known = store.find("ann@example.com")
    assert [line.kind for line in known.consent] == ["added", "tracking_allowed", "tracking_denied"]
    assert known.consent[1].text == "Yes, count me"
    store.erase("ann@example.com")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT tracking_consent FROM subscriber").scalar() == ""
