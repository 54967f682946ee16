"""The exports of other services, JSON lines, and the types of attributes, on a real database."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from fakes.lists import known
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers import FieldError, SubscriberStore, TransferError, import_file
from subscribers.topics import add_topic, count_topics, list_topics
from subscribers.transfer.lists import Lists
from subscribers.words import clean_words

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine


@pytest.fixture
def store(sqlite_engine: Engine) -> SubscriberStore:
    return SubscriberStore(sqlite_engine)


MAILCHIMP = (
    "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,LATITUDE,LEID,EUID"
)
EXPORTS = {
    "mailchimp": (
        f"{MAILCHIMP},UNSUB_TIME,TAGS\n"
        'ann@example.com,Ann,Lee,4,2018-02-05 19:28:23,192.0.2.1,2018-02-05 19:29:00,48.1,1,a,,"""Editors"",""VIP"""\n'
        "bob@example.com,Bob,,2,,,2018-02-12 10:54:27,,2,b,2023-06-06 12:56:15,\n"
    ),
    "substack": (
        "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\n"
        "ann@example.com,false,,other,false,2018-02-05T19:29:00.000Z,\n"
        "bob@example.com,true,2027-01-01T00:00:00.000Z,yearly,true,2018-02-12T10:54:27.000Z,2018-03-01T00:00:00.000Z\n"
    ),
    "ghost": (
        "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers\n"
        '5f,ann@example.com,Ann Lee,,true,false,,2018-02-05T19:29:00.000Z,,"Editors,VIP",\n'
        "60,bob@example.com,Bob,,false,false,,2018-02-12T10:54:27.000Z,,,\n"
    ),
    "buttondown": (
        "email,notes,metadata,tags,subscriber_type,creation_date,source\n"
        'ann@example.com,,"{""city"": ""Bonn"", ""visits"": 3}","Editors,VIP",regular,2018-02-05 19:29:00+00:00,form\n'
        "bob@example.com,,,,unsubscribed,2018-02-12 10:54:27+00:00,form\n"
    ),
    "beehiiv": (
        "email,First Name,status,tier,created_at,unsubscribed_at\n"
        "ann@example.com,Ann,active,free,2018-02-05 19:29:00 UTC,\n"
        "bob@example.com,Bob,inactive,premium,2018-02-12 10:54:27 UTC,2024-03-13 11:33:53 UTC\n"
    ),
    "listmonk": (
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        'u1,ann@example.com,Ann Lee,"{""city"": ""Bonn"", ""likes"": [""a"", ""b""], ""shop"": {""visits"": 3}}",enabled,'
        "2018-02-05T19:29:00Z,2024-01-01T00:00:00Z\n"
        "u2,bob@example.com,Bob,{},blocklisted,2018-02-12T10:54:27Z,2024-01-01T00:00:00Z\n"
    ),
}


@pytest.mark.parametrize("service", EXPORTS)
def test_the_export_of_a_service_is_known_by_its_columns(store: SubscriberStore, service: str) -> None:
    """Who left there does not receive here, and everybody keeps the day on which they joined."""
    report = import_file(store, io.StringIO(EXPORTS[service]), consent_text="Moved")

    ann, bob = known(store, "ann@example.com"), known(store, "bob@example.com")
    assert report.preset == service
    assert (ann.status, bob.status) == ("active", "unsubscribed")
    assert (ann.created_at.isoformat(), str(bob.joined)) == ("2018-02-05T19:29:00+00:00", "2018-02-12")


def test_what_only_a_service_can_use_is_not_kept(store: SubscriberStore) -> None:
    """And the report names it."""
    report = import_file(store, io.StringIO(EXPORTS["mailchimp"]))

    ann = known(store, "ann@example.com")
    assert set(report.ignored) == {"OPTIN_TIME", "OPTIN_IP", "LATITUDE", "LEID", "EUID"}
    assert (ann.tags, ann.attributes) == (("Editors", "VIP"), {"member_rating": 4})


def test_who_pays_a_substack_or_not_may_be_mailed(store: SubscriberStore) -> None:
    """`active_subscription` is about money."""
    import_file(store, io.StringIO(EXPORTS["substack"]))

    assert known(store, "ann@example.com").attributes["active_subscription"] is False


def test_the_objects_of_listmonk_and_buttondown_are_attributes(store: SubscriberStore) -> None:
    """An object within the object lends its name, a list is joined."""
    import_file(store, io.StringIO(EXPORTS["listmonk"]))

    assert known(store, "ann@example.com").attributes == {"city": "Bonn", "likes": "a;b", "shop_visits": 3}
    import_file(store, io.StringIO(EXPORTS["buttondown"].replace("ann@", "cho@")))
    assert known(store, "cho@example.com").attributes == {"city": "Bonn", "visits": 3, "source": "form"}


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("subscribed_members_export_1.csv", "active"),
        ("unsubscribed_members_export_1.csv", "unsubscribed"),
        ("nonsubscribed_members_export_1.csv", "unsubscribed"),
        ("cleaned_members_export_1.csv", "bounced"),
    ],
)
def test_a_file_of_mailchimp_has_one_status_by_its_name(
    store: SubscriberStore, tmp_path: Path, name: str, status: str
) -> None:
    """Those who only bought something and never subscribed are in a file of their own."""
    (tmp_path / name).write_text(f"{MAILCHIMP}\nann@example.com{',' * 9}\n", encoding="utf-8")

    import_file(store, tmp_path / name)

    assert known(store, "ann@example.com").status == status


def test_a_cleaned_address_has_bounced(store: SubscriberStore) -> None:
    """By its column, too."""
    text = f"{MAILCHIMP},CLEAN_TIME\nann@example.com{',' * 10}2020-03-23 17:30:05\n"

    import_file(store, io.StringIO(text))

    assert known(store, "ann@example.com").status == "bounced"


def test_a_preset_can_be_named(store: SubscriberStore) -> None:
    """For a file with columns left out; a word that it does not know is told with the nearest."""
    import_file(store, io.StringIO("email,email_disabled\nann@example.com,true\n"), preset="substack")

    assert known(store, "ann@example.com").status == "unsubscribed"
    with pytest.raises(FieldError) as caught:
        import_file(store, io.StringIO("email\nann@example.com\n"), preset="mailchip")
    assert "mailchimp" in caught.value.hint


def test_a_mapping_wins_over_a_preset(store: SubscriberStore) -> None:
    text = EXPORTS["ghost"].replace("tiers\n", "tiers,since\n").replace(",\n", ",,2020-01-01\n")

    import_file(store, io.StringIO(text), mapping={"joined": "since"})

    assert str(known(store, "ann@example.com").joined) == "2020-01-01"


class TestTypes:
    @pytest.mark.parametrize(
        ("cells", "kind", "values"),
        [
            (["5", "12", ""], "number", [5, 12, None]),
            (["5", "1.5", "-2"], "number", [5, 1.5, -2]),
            (["5", "007", "12"], "text", ["5", "007", "12"]),
            (["1000", "D-1000", "2000"], "text", ["1000", "D-1000", "2000"]),
            (["true", "FALSE", ""], "yes or no", [True, False, None]),
            (["true", "1", "0"], "text", ["true", "1", "0"]),
            (["", "", ""], "empty", [None, None, None]),
        ],
    )
    def test_an_attribute_has_one_type_in_all_rows(
        self, store: SubscriberStore, cells: list[str], kind: str, values: list[object]
    ) -> None:
        """A number beside text is text, so that postcodes stay what they are."""
        lines = [f"r{number}@example.com,{cell}" for number, cell in enumerate(cells)]
        text = "\n".join(["email,thing", *lines])

        assert import_file(store, io.StringIO(text), dry_run=True).kinds == {"thing": kind}
        import_file(store, io.StringIO(text))

        found = [profile.attributes.get("thing") for profile in store.list()]
        assert [(type(value), value) for value in found] == [(type(value), value) for value in values]

    def test_the_last_of_many_rows_counts(self, store: SubscriberStore) -> None:
        lines = [f"r{number}@example.com,{number}" for number in range(12_000)]

        import_file(store, io.StringIO("\n".join(["email,zip", *lines, "last@example.com,A1"])))

        assert known(store, "r5@example.com").attributes == {"zip": "5"}

    def test_rows_that_are_none_have_no_say(self, store: SubscriberStore) -> None:
        text = "email,n\na@example.com,1\nemail,n\nb@example.com,2,x\n"

        assert import_file(store, io.StringIO(text)).kinds == {"n": "number"}


class TestJsonLines:
    def test_each_line_is_a_person(self, store: SubscriberStore) -> None:
        report = import_file(
            store,
            io.StringIO(
                '{"email": "ann@example.com", "first_name": "Ann", "tags": ["a", "b"], "size": 3, "paid": true}\n\n'
                '{"email": "bob@example.com", "zip": "5", "metadata": {"city": "Köln"}, "size": null}\n'
                '{"email": "cho@example.com", "address": {"city": "Bonn"}}\n'
            ),
        )

        assert report.created == 3
        ann, bob, cho = store.list()
        assert (ann.tags, ann.attributes) == (("a", "b"), {"size": 3, "paid": True})
        assert bob.attributes == {"zip": "5", "city": "Köln"}
        assert cho.attributes == {"address_city": "Bonn"}

    def test_a_text_stays_text_and_one_type_rules(self, store: SubscriberStore) -> None:
        import_file(
            store,
            io.StringIO(
                '{"email": "a@example.com", "n": "5", "m": 1}\n{"email": "b@example.com", "m": "x"}\n'
            ),
        )

        assert [profile.attributes for profile in store.list()] == [{"n": "5", "m": "1"}, {"m": "x"}]

    def test_a_line_that_is_none_is_set_aside(self, store: SubscriberStore, tmp_path: Path) -> None:
        path = tmp_path / "people.jsonl"
        path.write_text(
            '{"email": "a@example.com"}\n{"email": \n[1]\n{"email": "b@example.com"}\n', encoding="utf-8"
        )

        report = import_file(store, path)

        assert (report.created, report.invalid) == (2, 2)
        assert report.rejects_file is not None
        assert "3,this line is no JSON object" in report.rejects_file.read_text(encoding="utf-8")

    def test_a_list_is_told_how_to_become_lines(self, store: SubscriberStore) -> None:
        with pytest.raises(TransferError) as caught:
            import_file(store, io.StringIO('[{"email": "a@example.com"}]'))

        assert "jq" in caught.value.hint


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_known_by_its_zeros(
    store: SubscriberStore, tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "people.csv").write_bytes("email\tVorname\njoerg@example.com\tJörg\n".encode(encoding))

    import_file(store, tmp_path / "people.csv")

    assert known(store, "joerg@example.com").first_name == "Jörg"


def test_doubtful_addresses_are_counted_and_imported(store: SubscriberStore) -> None:
    report = import_file(
        store,
        io.StringIO("email\ninfo@example.com\nx@mailinator.com\na@gmial.com\nb@gmial.com\nc@example.org\n"),
    )

    assert (report.created, report.doubts.roles, report.doubts.disposable) == (5, 1, 1)
    assert report.doubts.typos == {"gmial.com": ("gmail.com", 2)}


class TestLists:
    """The lists of another service."""

    def test_a_list_that_is_called_like_a_topic_is_that_topic_and_else_a_tag(
        self, store: SubscriberStore
    ) -> None:
        """By its name in commands or for readers; nobody gets a topic that the publication never made."""
        add_topic(store.engine, "product", "Product News")
        file = (
            "email,lists\nann@example.com,product news;Fair 2024\nbob@example.com,PRODUCT\ncho@example.com,\n"
        )

        report = import_file(store, io.StringIO(file))

        ann, bob, cho = (known(store, f"{name}@example.com") for name in ("ann", "bob", "cho"))
        assert (ann.topics, ann.tags, ann.attributes) == (("product",), ("Fair 2024",), {})
        assert (bob.topics, bob.tags, cho.topics, cho.tags) == (("product",), (), (), ())
        assert (report.lists.topics, report.lists.tags) == ({"product": 2}, {"Fair 2024": 1})
        assert [topic.slug for topic in list_topics(store.engine)] == ["product"]

    def test_a_row_that_is_refused_is_not_counted(self, store: SubscriberStore) -> None:
        report = import_file(store, io.StringIO("email,lists\nann@example.com,Fair\nnobody,Fair\n"))

        assert (report.invalid, report.lists.tags) == (1, {"Fair": 1})

    def test_newsletters_with_yes_and_no_are_no_lists(self, store: SubscriberStore) -> None:
        """Else there would be tags called so."""
        import_file(store, io.StringIO("email,newsletters\nann@example.com,yes\nbob@example.com,no\n"))

        assert known(store, "ann@example.com").tags == ()

    def test_a_dry_run_tells_it_and_does_nothing(self, store: SubscriberStore) -> None:
        report = import_file(store, io.StringIO("email,Lists\nann@example.com,ai\n"), dry_run=True)

        assert report.columns == {"email": "email", "Lists": "lists"}
        assert report.lists.tags == {"ai": 1}
        assert store.count(None) == 0

    def test_another_column_can_be_the_lists_and_lists_can_be_an_attribute(
        self, store: SubscriberStore
    ) -> None:
        add_topic(store.engine, "ai")
        file = "email,groups,lists\nann@example.com,ai,x;y\n"

        import_file(store, io.StringIO(file), mapping={"lists": "groups", "old_service": "lists"})

        ann = known(store, "ann@example.com")
        assert (ann.topics, ann.tags, ann.attributes) == (("ai",), (), {"old_service": "x;y"})

    def test_listmonks_objects_tell_who_left_a_list_or_did_not_confirm_it(
        self, store: SubscriberStore
    ) -> None:
        """Its API gives them; who left a list is neither signed up again nor tagged with it."""
        for topic in ("ai", "web", "jobs"):
            add_topic(store.engine, topic)
        states = {
            "AI": "confirmed", "Web": "unsubscribed", "Jobs": "unconfirmed", "Old; one": "confirmed", "Gone": "unsubscribed"
        }  # fmt: skip
        person = {
            "id": 1, "uuid": "u1", "email": "ann@example.com", "name": "Ann", "attribs": {"city": "Bonn"},
            "status": "enabled", "created_at": "2018-02-05T19:29:00Z", "updated_at": "2024-01-01T00:00:00Z",
            "lists": [{"id": 1, "name": name, "subscription_status": told} for name, told in states.items()],
        }  # fmt: skip

        report = import_file(store, io.StringIO(json.dumps(person) + "\n"))

        ann = known(store, "ann@example.com")
        assert report.preset == "listmonk"
        assert (ann.topics, ann.left_topics, ann.tags) == (("ai",), ("web",), ("Old one",))
        assert ann.attributes == {"city": "Bonn"}
        assert [(topic.slug, topic.pending) for topic in count_topics(store.engine)] == [
            ("ai", 0), ("jobs", 1), ("web", 0)
        ]  # fmt: skip

    @given(
        st.text(max_size=30)
        | st.lists(st.text(max_size=9)).map(lambda names: json.dumps([{"name": n} for n in names]))
    )
    @settings(deadline=None)
    def test_whatever_stands_in_a_cell_becomes_words_that_can_be_kept(self, cell: str) -> None:
        try:
            listed = Lists({"ai": "ai"}).read(cell)
        except FieldError:
            return
        for word in listed.tags:
            assert clean_words([word]) == [word]
        assert set(listed.topics) <= {"ai"}
