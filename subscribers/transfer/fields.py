"""What the columns of a file mean: fields, by the names that people give them, else attributes."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from subscribers.addresses import normalise
from subscribers.attributes import is_attribute_name
from subscribers.errors import AddressError, TransferError, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from subscribers.transfer.dates import Order

#: How the cells of an attribute are read; ``inferred`` until all of them were seen (`inspecting`).
Reading = Literal["inferred", "empty", "number", "yes or no", "text", "json", "object"]
#: What a yes or a date in a column about consent means; empty for a column about something else.
Consenting = Literal["", "agreeing", "leaving", "bouncing"]

# English, German, French, Spanish, Italian, and what other newsletter services write; in lower case, with
# blanks for hyphens and underscores. Of the names for one field the earlier is preferred.
_NAMES = {
    "email": "email|e mail|email address|e mail address|mail|mail address|mailadresse|email adresse|"
    "e mail adresse|adresse email|adresse e mail|adresse mail|courriel|correo electronico|correo|"
    "indirizzo email|e post|subscriber email|adresse",
    "first_name": "first name|firstname|given name|forename|fname|vorname|prenom|nombre|nome|first",
    "last_name": "last name|lastname|surname|family name|lname|nachname|familienname|nom|nom de famille|"
    "apellido|apellidos|cognome|last",
    "name": "name|full name|fullname",
    "locale": "locale|language|lang|sprache|langue|idioma|lingua",
    "time_zone": "time zone|timezone|zeitzone|fuseau horaire|zona horaria|fuso orario",
    "tracking_consent": "tracking consent|consent to tracking|tracking einwilligung",
    "tags": "tags|tag|labels|schlagworte",
    "topics": "topics|topic|themen",
    "lists": "lists|list names|mailing lists",
    "status": "status|subscription status|member rating status",
    "joined": "joined|joined at|created|created at|date added|signup date|sign up date|subscribed at|"
    "subscribed on|subscription date|member since|optin time|date joined|join date|joined on|joined date|"
    "joining date|date of joining|date subscribed|subscribed date|subscribe date|registered at|"
    "registered on|registration date|date registered|created on|date created|creation date|added at|"
    "added on|opt in date|optin date|opt in time|signed up at|signed up on|date signed up|"
    "subscriber since",
    # As our own exports write them.
    "left_at": "left at|left on",
    "left_topics": "left topics",
    "pending_topics": "pending topics",
    "paused_until": "paused until",
    "suppressed": "suppressed",
}
# In these languages the day stands first.
_NAMES_OF_JOINED = (
    "beitritt|beigetreten|beigetreten am|beitrittsdatum|angemeldet am|anmeldedatum|mitglied seit|"
    "inscrit le|date d'inscription|date inscription|fecha de alta|fecha alta|fecha de inscripcion|"
    "iscritto il|data iscrizione|data di iscrizione"
)
_NAMES["joined"] += "|" + _NAMES_OF_JOINED
_DAY_FIRST = frozenset(_NAMES_OF_JOINED.split("|"))

# Columns in which a yes or no says whether somebody may be mailed.
_AGREEING = (
    "subscribed|is subscribed|subscriber|opt in|optin|opted in|double opt in|consent|email consent|"
    "marketing consent|accepts marketing|accepts email marketing|active|einwilligung|angemeldet|abonniert|"
    "newsletter|newsletter consent|newsletter subscription|newsletter opt in|receives newsletter|"
    "consentement|abonne|inscrit|consentimiento|suscrito|consenso|iscritto"
)
_LEAVING = (
    "unsubscribed|is unsubscribed|unsubscribed at|unsubscribed on|unsub time|opt out|optout|opted out|"
    "opted out at|do not email|do not mail|has opted out of email|email opt out|abgemeldet|abgemeldet am|"
    "ausgetragen|desabonne|desinscrit|desinscrit le|dado de baja|fecha de baja|baja|disiscritto"
)
_CONSENTS: dict[str, Consenting] = {
    **dict.fromkeys(_AGREEING.split("|"), "agreeing"),
    **dict.fromkeys(_LEAVING.split("|"), "leaving"),
}
_FIELD_OF_NAME = {name: field for field, names in _NAMES.items() for name in names.split("|")}
_RANK = {name: rank for names in _NAMES.values() for rank, name in enumerate(names.split("|"))}
_READINGS: dict[str, Reading] = {"text": "text", "json": "json"}

#: What a file can say of every subscriber; ``attributes`` is a JSON object of many.
FIELDS = frozenset(_NAMES) | {"attributes"}


@dataclass(frozen=True)
class Column:
    """A column of the file, counted from 0: the field or attribute it fills, and how its cells are read.

    A column about ``consent`` fills an attribute, too, unless it is our own ``left_at``; ``order`` says what
    comes first in its dates.
    """

    index: int
    header: str
    field: str
    reading: Reading = "inferred"
    consent: Consenting = ""
    order: Order = ""

    @property
    def is_attribute(self) -> bool:
        """Whether it fills an attribute."""
        return self.field not in FIELDS


def assign(
    header: Sequence[str],
    mapping: Mapping[str, str],
    where: str,
    *,
    consents: Mapping[str, Consenting] | None = None,
    ignored: Collection[str] = (),
    attributes: Collection[str] = (),
) -> tuple[Column, ...]:
    """Find out what each column means; columns without a name mean nothing.

    Args:
        header: the names of the columns.
        mapping: fields or attributes, and the column that each is to be read from.
        where: the file, for errors.
        consents: further columns about consent, by their names in lower case.
        ignored: columns that mean nothing, by their names in lower case.
        attributes: those that subscribers have already; another one that is nearly a field is a slip.

    Raises:
        TransferError: no column of addresses, no header at all, or a mapping to what is not there.
    """
    _check_header(header, where)
    chosen = _mapped(header, mapping, where, attributes)
    _add_fields(header, chosen)
    if "email" not in (column.field for column in chosen.values()):
        known = ", ".join(name for name in header if name)[:200]
        hint = f"name it: `--map email=COLUMN`; the columns are {known}"
        raise TransferError("no column has e-mail addresses", where=where, hint=hint)
    _add_attributes(header, chosen, consents or {}, ignored)
    return tuple(chosen[index] for index in sorted(chosen))


def header_of(attribute: str, reading: Reading) -> str:
    """The name of a column from which `assign` makes exactly this attribute."""
    plain = reading == "inferred" and attribute_name(attribute) == attribute
    if plain and _plain(attribute) not in _FIELD_OF_NAME.keys() | _CONSENTS.keys():
        return attribute
    return f"{attribute}:{'json' if reading == 'inferred' else reading}"


def attribute_name(header: str) -> str:
    """The name of a column as the name of an attribute; empty if nothing of it can be used."""
    text = unicodedata.normalize("NFKD", header).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", text).strip("_")[:50]
    if name and not name[0].isalpha():
        name = f"column_{name}"
    return name if not name or is_attribute_name(name) else f"{name}_value"


def _check_header(header: Sequence[str], where: str) -> None:
    names = [name for name in header if name]
    if any(_is_address(name) for name in names):
        hint = "add a line above, such as `email,first_name`"
        raise TransferError("the first row is no header", where=f"{where}:1", hint=hint)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise TransferError(
            f"two columns are called `{twice}`", where=f"{where}:1", hint="rename one of them"
        )


def _mapped(
    header: Sequence[str], mapping: Mapping[str, str], where: str, attributes: Collection[str]
) -> dict[int, Column]:
    chosen: dict[int, Column] = {}
    for field, name in mapping.items():
        if field not in attributes:
            _refuse_slip(field, where)
        if field not in FIELDS and not is_attribute_name(field):
            hint = nearest(field, FIELDS, otherwise="an attribute has lower case letters, digits and `_`")
            raise TransferError(f"`{field}` cannot be filled from a column", where=where, hint=hint)
        wanted = name.strip().casefold()
        index = next((number for number, known in enumerate(header) if known.casefold() == wanted), None)
        if index is None:
            hint = nearest(name, (known for known in header if known))
            raise TransferError(f"there is no column `{name}`", where=where, hint=hint)
        consent: Consenting = "leaving" if field == "left_at" else ""
        chosen[index] = Column(index, header[index], field, consent=consent)
    return chosen


def _refuse_slip(field: str, where: str) -> None:
    """Refuse to make an attribute of what is surely meant as a field: `frist_name`, `vorname`, `e_mail`.

    Raises:
        TransferError: it is.
    """
    if field in FIELDS:
        return
    near = get_close_matches(field, FIELDS, n=1, cutoff=0.8)
    if meant := _FIELD_OF_NAME.get(_plain(field)) or (near[0] if near else ""):
        raise TransferError(
            f"`{field}` is no field",
            where=where,
            hint=f"did you mean `{meant}`? an attribute needs a name that is not nearly a field's",
        )


def _add_fields(header: Sequence[str], chosen: dict[int, Column]) -> None:
    taken = {column.field for column in chosen.values()}
    ranked = sorted(range(len(header)), key=lambda index: _RANK.get(_plain(header[index]), 0))
    for index in ranked:
        field = _FIELD_OF_NAME.get(_plain(header[index]))
        if field is not None and field not in taken and index not in chosen:
            order: Order = "day" if _plain(header[index]) in _DAY_FIRST else ""
            consent: Consenting = "leaving" if field == "left_at" else ""
            chosen[index] = Column(index, header[index], field, consent=consent, order=order)
            taken.add(field)


def _add_attributes(
    header: Sequence[str],
    chosen: dict[int, Column],
    consents: Mapping[str, Consenting],
    ignored: Collection[str],
) -> None:
    taken = {column.field for column in chosen.values()}
    for index, name in enumerate(header):
        if index in chosen or not name or name.lower() in ignored:
            continue
        bare, _, suffix = name.rpartition(":")
        if suffix in _READINGS and is_attribute_name(bare) and bare not in taken:
            column = Column(index, name, bare, _READINGS[suffix])
        else:
            attribute = _unused(attribute_name(name) or f"column_{index + 1}", taken)
            consent = consents.get(name.lower()) or _CONSENTS.get(_plain(name), "")
            column = Column(index, name, attribute, consent=consent)
        chosen[index] = column
        taken.add(column.field)


def _unused(name: str, taken: set[str]) -> str:
    return name if name not in taken else next(
        f"{name}_{number}" for number in range(2, 10_000) if f"{name}_{number}" not in taken
    )  # fmt: skip


def _plain(header: str) -> str:
    """A column's name without case, accents, hyphens and underscores."""
    bare = "".join(
        character
        for character in unicodedata.normalize("NFKD", header.casefold())
        if not unicodedata.combining(character)
    )
    return " ".join(re.split(r"[\s_\-.]+", bare.strip()))


def _is_address(text: str) -> bool:
    try:
        normalise(text)
    except AddressError:
        return False
    return True
