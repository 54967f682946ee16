"""The list: everything that adds, changes or reads subscribers goes through here."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from subscribers import leaving, mailable, registration
from subscribers.addresses import normalise
from subscribers.attributes import clean_attributes, clean_text, clean_time_zone
from subscribers.consent import Consent
from subscribers.database import vacate, writing
from subscribers.errors import AddressError, SubscribersError
from subscribers.keys import secret_keys
from subscribers.models import ConsentKind, KeyPurpose, Status, SuppressionReason
from subscribers.profiles import Profile, read_profiles
from subscribers.segmented import Segmented
from subscribers.suppression import permit, scope_of, suppress, suppression_key
from subscribers.tables import SUBSCRIBER, TAGS
from subscribers.topics import prefer
from subscribers.words import clean_words, give_words, take_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from subscribers.mailable import Addressee, Candidate
    from subscribers.segments import Segment


class SubscriberStore(Segmented):
    """The subscribers of one publication, in one database.

    Every method that changes something has its own transaction and returns when it is durable. *clock*
    tells the moment in UTC that is recorded.
    """

    @cached_property
    def secret(self) -> bytes:
        """The key of the hashes in the suppression table; made in a transaction of its own if needed."""
        return secret_keys(self.engine, KeyPurpose.SUPPRESSION)[0]

    # Who is on the list.

    def add(
        self,
        email: str,
        *,
        first_name: str = "",
        last_name: str = "",
        locale: str = "",
        time_zone: str = "",
        tags: Collection[str] = (),
        topics: Collection[str] = (),
        attributes: Mapping[str, object] | None = None,
        consent: Consent | None = None,
        status: Status = Status.ACTIVE,
    ) -> tuple[Profile, bool]:
        """Add a subscriber, or complete what is known of one.

        Names and attributes that are given replace those known; tags and topics are added to them.

        Args:
            email: the address, checked and normalised.
            first_name: empty for not known.
            last_name: the same.
            locale: a language, such as ``de`` or ``pt-BR``; empty for not known.
            time_zone: a name of the IANA database, such as ``Europe/Berlin``; empty for not known.
            tags: words without commas, semicolons and bars.
            topics: the same.
            attributes: text, numbers, true or false, by name; None and empty text are not kept.
            consent: why this person may be mailed; kinds ``opt_in`` and ``confirmed`` are the person's own.
            status: ``active``, or ``pending`` until the person confirms (`confirm`). A sign-up that nobody
                confirmed may be anybody's: of who is active already it changes nothing.

        Returns:
            The subscriber as recorded, and whether they are new.

        Raises:
            AddressError, FieldError: what is given cannot be kept.
            ConsentError: the person left, bounced, complained or is suppressed, and did not ask to be back.
        """
        address = normalise(email)
        entry = registration.Entry(
            address=address,
            key=suppression_key(self.secret, address.key),
            texts={
                "first_name": clean_text(first_name, "the first name"),
                "last_name": clean_text(last_name, "the last name"),
                "locale": clean_text(locale, "the locale"),
                "time_zone": clean_time_zone(time_zone),
            },
            tags=clean_words(tags),
            topics=clean_words(topics),
            attributes=clean_attributes(attributes or {}),
            consent=consent or Consent(),
            status=status,
        )
        with writing(self.engine) as connection:
            subscriber_id, created = registration.register(connection, entry, self.clock())
            return self._profile(connection, SUBSCRIBER.c.id == subscriber_id), created

    def find(self, email: str) -> Profile | None:
        """The subscriber with this address, in whatever spelling; None if there is none."""
        try:
            key = normalise(email).key
        except AddressError:
            return None
        return self._find(SUBSCRIBER.c.email_key == key)

    def find_public(self, public_id: str) -> Profile | None:
        """The subscriber with this public id; None if there is none."""
        return self._find(SUBSCRIBER.c.public_id == public_id)

    def update(
        self,
        public_id: str,
        *,
        first_name: str | None = None,
        last_name: str | None = None,
        locale: str | None = None,
        time_zone: str | None = None,
        topics: Collection[str] | None = None,
        source: str = "preferences",
    ) -> Profile | None:
        """Change what a subscriber says of themselves; None leaves as it is, empty text forgets.

        Of the topics, those that are not among *topics* are left; the log tells each change and its *source*.

        Returns:
            The subscriber as recorded, or None if there is no such.

        Raises:
            FieldError: what is given cannot be kept.
        """
        given = {"first_name": first_name, "last_name": last_name, "locale": locale}
        texts = {name: clean_text(text, name) for name, text in given.items() if text is not None}
        if time_zone is not None:
            texts["time_zone"] = clean_time_zone(time_zone)
        chosen = None if topics is None else clean_words(topics)
        with writing(self.engine) as connection:
            found = self._find_in(connection, SUBSCRIBER.c.public_id == public_id)
            if found is None or found.status is Status.ERASED:
                return None
            self._change(connection, found.id, texts)
            if chosen is not None:
                prefer(connection, found.id, chosen, source, self.clock())
            return self._profile(connection, SUBSCRIBER.c.id == found.id)

    def tag(self, email: str, *, add: Collection[str] = (), remove: Collection[str] = ()) -> Profile | None:
        """Put tags on a subscriber and take tags away; None if there is no such subscriber."""
        added = clean_words(add)
        with writing(self.engine) as connection:
            found = self._find_in(connection, _is(email))
            if found is None:
                return None
            take_words(connection, TAGS, found.id, list(remove))
            give_words(connection, TAGS, added, [found.id])
            self._change(connection, found.id, {})
            return self._profile(connection, SUBSCRIBER.c.id == found.id)

    # Who leaves it, for a while or for good.

    def confirm(self, public_id: str, consent: Consent) -> Profile | None:
        """Let somebody who signed up be mailed; *consent* is of the kind ``confirmed``.

        Returns:
            The subscriber, active, or None if there is no such, or if they left since.

        Raises:
            ConsentError: the publication itself forbade mailing the address.
        """
        with writing(self.engine) as connection:
            row = leaving.find_row(connection, SUBSCRIBER.c.public_id == public_id)
            if row is None or not leaving.confirm(connection, row, consent, self.clock()):
                return None
            return self._profile(connection, SUBSCRIBER.c.id == row.id)

    def unsubscribe(
        self, who: str, *, source: str, text: str = "", ip: str = "", user_agent: str = "", topic: str = ""
    ) -> bool:
        """Take somebody off the list or off one topic, for good; durable when this returns.

        Args:
            who: the address or the public id.
            source: how: ``one-click``, ``page``, ``command line``.
            text: what the person was shown or wrote.
            ip: from where.
            user_agent: with what.
            topic: the only one to leave; empty for everything.

        Returns:
            False if there is no such person or topic, or they had left before.
        """
        consent = Consent(ConsentKind.OPTED_OUT, source, text, ip, user_agent)
        with writing(self.engine) as connection:
            row = leaving.find_row(connection, _is(who))
            if row is None:
                return False
            if topic:
                return leaving.leave_topic(connection, row, topic, consent, self.clock())
            return leaving.leave_all(connection, row, consent, self.clock())

    def pause(self, who: str, until: datetime | None, *, source: str, text: str = "") -> bool:
        """Give somebody no mail until a moment, or mail again if it is None.

        Returns:
            False if there is no such person, they left, or there is no pause to end.
        """
        with writing(self.engine) as connection:
            row = leaving.find_row(connection, _is(who))
            said = Consent(ConsentKind.PAUSED, source, text)
            return row is not None and leaving.pause(connection, row, until, said, self.clock())

    def suppress(
        self, email: str, reason: SuppressionReason, *, source: str = "", text: str = "", topic: str = ""
    ) -> None:
        """Forbid mailing an address, about everything or one topic, whether it is on the list or not.

        Raises:
            AddressError, FieldError: it is no address, or there is no such topic.
        """
        address, secret = normalise(email), self.secret
        said = Consent(ConsentKind.SUPPRESSED, source, text, topic=topic)
        with writing(self.engine) as connection:
            row = leaving.find_row(connection, SUBSCRIBER.c.email_key == address.key)
            key = suppression_key(secret, address.key)
            leaving.forbid(connection, key, row, reason, said, self.clock())

    def permit(self, email: str, *, topic: str = "") -> bool:
        """Take back what the publication itself forbade; False if it did not. It brings nobody back."""
        key = suppression_key(self.secret, normalise(email).key)
        with writing(self.engine) as connection:
            return permit(connection, key, scope=scope_of(topic))

    def erase(
        self, who: str, *, source: str = "", along: Callable[[Connection, int, str], None] | None = None
    ) -> bool:
        """Forget a person: what remains is the fact, and a hash by which they are never mailed again.

        Args:
            who: the address or the public id.
            source: how: ``page``, ``command line``.
            along: is called in the same transaction with its connection, the id and the address, to forget
                what others keep.

        Returns:
            False if there is no such person.
        """
        secret, at = self.secret, self.clock()
        with writing(self.engine) as connection:
            row = leaving.find_row(connection, _is(who))
            if row is None or row.status == Status.ERASED:
                return False
            suppress(connection, suppression_key(secret, row.email_key), SuppressionReason.ERASED, at)
            if along is not None:
                along(connection, row.id, row.email)
            leaving.forget(connection, row, Consent(ConsentKind.ERASED, source), at)
        vacate(self.engine)
        return True

    # What delivery asks, within its own transactions.

    def candidates(
        self, connection: Connection, segment: Segment | None, *, topic: str = ""
    ) -> Iterator[Candidate]:
        """As `subscribers.mailable.candidates`, at this moment."""
        return mailable.candidates(connection, segment, topic=topic, at=self.clock())

    def addressees(
        self, connection: Connection, ids: Sequence[int], *, topic: str = ""
    ) -> dict[int, Addressee]:
        """As `subscribers.mailable.addressees`, at this moment."""
        return mailable.addressees(connection, ids, topic=topic, at=self.clock())

    def _find(self, where: ColumnElement[bool]) -> Profile | None:
        with self.engine.connect() as connection:
            return self._find_in(connection, where)

    def _find_in(self, connection: Connection, where: ColumnElement[bool]) -> Profile | None:
        return next(iter(read_profiles(connection, where, limit=1)), None)

    def _profile(self, connection: Connection, where: ColumnElement[bool]) -> Profile:
        found = self._find_in(connection, where)
        if found is None:
            raise SubscribersError("the subscriber that was just recorded is gone")
        return found

    def _change(self, connection: Connection, subscriber_id: int, texts: Mapping[str, str]) -> None:
        changed = SUBSCRIBER.update().where(SUBSCRIBER.c.id == subscriber_id)
        connection.execute(changed.values(**texts, updated_at=self.clock()))


def _is(who: str) -> ColumnElement[bool]:
    """The condition that somebody is the one with this address or public id."""
    if "@" not in who:
        return SUBSCRIBER.c.public_id == who
    return SUBSCRIBER.c.email_key == normalise(who).key
