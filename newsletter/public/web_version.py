"""An edition for the web: what everybody gets, without anything that belongs to one subscriber."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.editions import Context, Edition, Evaluator, render, split, with_web_images


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
    lost = f"{url}/preferences"
    links = {"unsubscribe": lost, "preferences": lost, "web": web or f"{url}/issues/{edition.slug}"}
    values = Evaluator(edition).values({}, links, missing="")

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
