"""Mailing a test of an issue from the studio, as one reader would get it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from newsletter.config import split_mailbox
from newsletter.delivery.archiving import read_online
from newsletter.delivery.trial import hand_over_tests, trial_composer
from newsletter.errors import NewsletterError, UsageError
from newsletter.messages import Recipient, example_links
from newsletter.providers import Verdict, make_provider
from subscribers import normalise

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.config import Publication
    from newsletter.studio.readers import Reader
    from newsletter.studio.workbench import Draft


def mail_test(
    publication: Publication, engine: Engine | None, draft: Draft, reader: Reader, to: str, *, remote: bool
) -> str:
    """Hand one test message over for *to*, with the values of *reader*; what came of it, in words.

    From another machine, only the addresses of ``[studio] test_addresses`` may be mailed: the token of a
    studio must not be good for mailing anybody.

    Raises:
        UsageError: the issue does not compile, or the address may not be mailed from here.
        AddressError: it is no address.
        NewsletterError: the provider refused.
    """
    if draft.trouble or draft.pressed is None:
        raise UsageError("the issue does not compile", hint="mend it first")
    address = normalise(to).email
    allowed = {normalise(split_mailbox(each)[1]).email for each in publication.settings.studio.test_addresses}
    if remote and address not in allowed:
        raise UsageError(
            f"{address} may not be mailed from another machine",
            hint="add it to `test_addresses` under `[studio]` in newsletter.toml",
        )
    pressed = draft.pressed
    provider = make_provider(publication.settings.delivery.provider, publication)
    composer = trial_composer(publication, pressed, engine)
    url = publication.settings.publication.url
    links = example_links(url, pressed.edition.slug, read_online(engine, pressed, url))
    recipient = Recipient(address, reader.name, reader.fields, links)
    ((_, outcome),) = hand_over_tests(provider, composer, [recipient], time.time())
    if outcome.verdict is not Verdict.ACCEPTED:
        raise NewsletterError(f"{provider.describe()} did not take it: {outcome.reason}")
    return f"A test for {address} was accepted by {provider.describe()}."
