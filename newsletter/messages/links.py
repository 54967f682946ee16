"""The links of a message that belong to one subscriber."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from subscribers.tokens import Tokens


def personal_links(
    url: str, tokens: Tokens, public_id: str, slug: str, topic: str = "", web: str = ""
) -> Mapping[str, str]:
    """The values of ``links`` for one subscriber: ``unsubscribe``, ``preferences`` and ``web``.

    Args:
        url: where the readers' web service is reachable, without a slash at the end.
        tokens: what signs; no address is in any link.
        public_id: the subscriber's opaque id.
        slug: the issue that the message is of.
        topic: what the message is about; ``unsubscribe`` leaves that topic then, and offers to leave all.
        web: where the issue is read online, if not in the archive.
    """
    return {
        "unsubscribe": f"{url}/unsubscribe/{tokens.sign('unsubscribe', public_id, topic)}",
        "preferences": f"{url}/preferences/{tokens.sign('preferences', public_id)}",
        "web": web or f"{url}/issues/{slug}",
    }


def example_links(url: str, slug: str, web: str = "") -> Mapping[str, str]:
    """The same as examples, for what is looked at: with none of them can anybody be unsubscribed."""
    places = {name: f"{url}/{name}/example" for name in ("unsubscribe", "preferences")}
    return {**places, "web": web or f"{url}/issues/{slug}"}


def unlisted_link(url: str, tokens: Tokens, slug: str, dispatch: str) -> str:
    """Where an issue is read online that the archive does not show: who has the mail has the address."""
    return f"{url}/issues/{slug}/{tokens.sign('issue', dispatch)}"
