"""Which addresses are valid, and which are the same."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES
from hypothesis import example, given, settings
from hypothesis import strategies as st

from subscribers.addresses import normalise, normalise_all
from subscribers.errors import AddressError

LOCAL_CHARACTERS = "abcXYZ059!#$%&'*+-/=?^_`{|}~.\" ü日\u0301(@"
KNOWN_DOMAINS = [
    *(
        "example.com",
        "EXAMPLE.com",
        "bücher.example.org",
        "xn--bcher-kva.example.org",
        "example.org.",
        "例え.jp",
    ),
    *("test", "a.test", "com", "localhost", "[127.0.0.1]", "ex_ample.com", "-a.com"),
]
LONG_DOMAINS = ["a" * 64 + ".com", ".".join(["a" * 60] * 4) + ".com"]
DOMAINS = st.sampled_from(KNOWN_DOMAINS + LONG_DOMAINS) | st.text("ab-.XN9ü", max_size=20)
ADDRESSES = st.builds("{}@{}".format, st.text(LOCAL_CHARACTERS, max_size=70), DOMAINS) | st.text(max_size=30)


@pytest.mark.parametrize(
    ("given_address", "email", "key"),
    [
        ("ann@example.com", "ann@example.com", "ann@example.com"),
        (" Ann.Lee+news@Example.COM ", "Ann.Lee+news@example.com", "ann.lee+news@example.com"),
        ("Jörg@Bücher.example", "Jörg@bücher.example", "jörg@xn--bcher-kva.example"),
        ("STRASSE@example.com", "STRASSE@example.com", "strasse@example.com"),
        ("Postmaster@example.com", "postmaster@example.com", "postmaster@example.com"),
        ("o'hara+x@example.com", "o'hara+x@example.com", "o'hara+x@example.com"),
        ("ann@xn--bcher-kva.example", "ann@bücher.example", "ann@xn--bcher-kva.example"),
        ('"ann.lee"@example.com', "ann.lee@example.com", "ann.lee@example.com"),
    ],
)
def test_an_address_has_a_form_to_mail_and_a_form_to_compare(
    given_address: str, email: str, key: str
) -> None:
    assert normalise(given_address) == (email, key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        '"ann lee"@example.com',
        "ann@",
        "@example.com",
        "a b@example.com",
        "ann@example.com\nBcc: x@y.org",
        "a@b@c.com",
    ],
)
def test_what_is_no_address_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(AddressError, match="no e-mail address") as caught:
        normalise(text)

    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_composed_and_decomposed_letters_are_the_same_address() -> None:
    assert normalise("jo\u0308rg@example.com") == normalise("j\u00f6rg@example.com")


@given(ADDRESSES)
@example("a" * 64 + "@example.com")
@example("a" * 65 + "@example.com")
@example("a" * 64 + "@" + ".".join(["b" * 61] * 3) + ".com")
@example("ann@example.com\n")
@settings(deadline=None, max_examples=300)
def test_the_verdict_is_email_validators(text: str) -> None:
    """The quick way says yes and no exactly where the library does, and gives the same form.

    But for a name that needs quotes around it, which the standards allow and hardly a server takes.
    """
    try:
        answer = validate_email(text.strip(), check_deliverability=False, allow_quoted_local=True)
        expected = None if answer.local_part.startswith('"') else answer.normalized
    except EmailNotValidError:
        expected = None

    try:
        found = normalise(text).email
    except AddressError:
        found = None

    assert found == expected


@given(ADDRESSES)
@settings(deadline=None)
def test_an_address_that_was_normalised_stays_as_it_is(text: str) -> None:
    try:
        address = normalise(text)
    except AddressError:
        return

    assert normalise(address.email) == address


@given(st.lists(ADDRESSES, max_size=5))
@example(["Ann@Example.com", "123@EXAMPLE.com", "JÖRG@Bücher.example", "postmaster@example.com", "", "a@b@c"])
@settings(deadline=None, max_examples=200)
def test_many_at_once_have_the_same_verdict_as_each(texts: list[str]) -> None:
    texts = [text.strip() for text in texts]
    failed: dict[int, str] = {}

    emails, keys = normalise_all(texts, failed.__setitem__)

    for number, text in enumerate(texts):
        try:
            expected: tuple[str, str] = normalise(text)
        except AddressError as error:
            assert failed[number] == error.what
            expected = ("", "")
        assert (emails[number], keys[number]) == expected


@pytest.mark.parametrize("name", [*CASE_INSENSITIVE_MAILBOX_NAMES, "newsletter", "infos", "wwww"])
def test_well_known_mailboxes_are_written_small_as_email_validator_does(name: str) -> None:
    shouted = f"{name.upper()}@example.com"
    assert normalise(shouted).email == validate_email(shouted, check_deliverability=False).normalized
