"""An edition for everybody, on the web and in feeds: without anything that belongs to one subscriber."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.editions import Context, Edition, Evaluator, render, split, with_web_images
from newsletter.editions.reading import OF_READERS, reading_html

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True)
class WebVersion:
    """The HTML of an edition for anybody, and what lists and the search know of it."""

    html: str
    text: str
    title: str
    preheader: str
    language: str


def web_version(edition: Edition, url: str, web: str = "") -> WebVersion:
    """Fill the slots of *edition* for nobody in particular.

    A value without default shows as nothing, a condition on a subscriber does not hold, attached images
    are loaded from the web, and the links of one subscriber lead to where a reader has theirs mailed.

    Args:
        edition: as it was frozen.
        url: where readers reach the publication, without a slash at the end.
        web: the address of this version, if it is not the one in the archive.
    """
    values = _values(edition, url, web or f"{url}/issues/{edition.slug}")

    def filled(text: str, context: Context) -> str:
        return render(split(text, edition, context), values)

    html = with_web_images(filled(edition.html, Context.HTML), edition, url)
    return WebVersion(
        html=html,
        text=filled(edition.text, Context.TEXT),
        title=" ".join(filled(edition.title, Context.TEXT).split()),
        preheader=" ".join(filled(edition.preheader, Context.TEXT).split()),
        language=edition.language,
    )


def feed_version(edition: Edition, url: str, *, known: Collection[str] = ()) -> str:
    """What *edition* says to anybody, as HTML for a feed, without the parts of its theme about one reader.

    Args:
        edition: as it was frozen.
        url: where readers reach the publication, without a slash at the end.
        known: texts that the feed has anyway, such as the title.
    """
    page = f"{url}/issues/{edition.slug}"
    values = _values(edition, url, page)
    for slot in edition.slots:
        if slot.line is None and slot.expression.startswith("links."):
            values[slot.token] = OF_READERS
    html = render(split(edition.html, edition, Context.HTML), values)
    return reading_html(with_web_images(html, edition, url), page, known=known)


def _values(edition: Edition, url: str, web: str) -> dict[str, str | bool]:
    lost = f"{url}/preferences"
    links = {"unsubscribe": lost, "preferences": lost, "web": web}
    return dict(Evaluator(edition).values({}, links, missing=""))
