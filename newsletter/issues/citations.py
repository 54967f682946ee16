"""The closing list of sources, and the citations ``[1]``, ``[1, 2]`` that refer to its entries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from markdown_it.token import Token

from newsletter.issues.footnotes import split_footnotes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: What a list of sources is called, in lower case, in the languages of the themes' labels and more.
SOURCES_TITLES = frozenset(
    {
        *("sources", "references", "quellen", "quellenangaben", "quellenverzeichnis", "nachweise"),
        *("références", "fuentes", "referencias", "fonti", "riferimenti", "fontes", "referências"),
        *("bronnen", "källor", "kilder", "lähteet", "źródła", "zdroje", "források", "kaynaklar"),
        *("источники", "джерела", "πηγές", "المصادر", "المراجع", "منابع", "מקורות", "स्रोत", "संदर्भ"),
        *("来源", "參考資料", "資料來源", "参考资料", "出典", "情報源"),
        *("参考文献", "參考文獻", "출처", "참고문헌"),
    }
)

#: Numbers in brackets; not the text of a link reference without a definition.
CITATION = re.compile(r"\[(\d{1,4}(?:\s*,\s*\d{1,4})*)\](?!\[[^\]\d])")
_BROKEN_OFF = re.compile(r"\[\d{1,4}(?:\s*,\s*\d{1,4})*\s*,\s*\Z")
_CARRIED_ON = re.compile(r"\s*\d{1,4}(?:\s*,\s*\d{1,4})*\s*\]")

_CLOSED_HTML = re.compile(r"<(/?)(?:a|code|kbd|samp)\b", re.IGNORECASE)


@dataclass(frozen=True)
class SourceList:
    """Where the list of sources is among the block tokens of a document.

    ``heading`` is the index of its heading's first token; ``entries`` are the numbers, as written when they
    rise, else counted, and the inline token of each entry.
    """

    heading: int
    entries: tuple[tuple[int, Token], ...]


def find_sources(tokens: Sequence[Token]) -> SourceList | None:
    """The list of sources among the block tokens of a whole document.

    It is the last heading of level 1 or 2, if its text is one of `SOURCES_TITLES` and all that follows is
    one numbered list whose entries are single paragraphs. Footnotes may stand anywhere.
    """
    tokens, _ = split_footnotes(tokens)
    heading = _last_heading(tokens)
    if heading is None or _title(tokens[heading + 1]) not in SOURCES_TITLES:
        return None
    rest = tokens[heading + 3 :]
    if not rest or rest[0].type != "ordered_list_open" or rest[-1].type != "ordered_list_close":
        return None
    entries = _entries(rest[1:-1])
    if entries is None:
        return None
    written = [int(marker) for marker, _ in entries]
    first = int(rest[0].attrGet("start") or written[0])
    rising = all(a < b for a, b in pairwise(written))
    numbers = written if rising else range(first, first + len(written))
    return SourceList(
        heading, tuple((number, inline) for number, (_, inline) in zip(numbers, entries, strict=True))
    )


def mark_citations(tokens: Sequence[Token]) -> None:
    """Put ``citation`` tokens in place of the citations in the text of *tokens*, in place.

    Only numbers that the list of sources has are citations, and only outside code, links and that list.
    """
    sources = find_sources(tokens)
    if sources is None:
        return
    known = {number for number, _ in sources.entries}
    _, notes = split_footnotes(tokens)
    for token in (*tokens[: sources.heading], *notes):
        if token.type == "inline" and token.children and "[" in token.content:
            token.children = list(_cite(_rejoin(token.children), known))


def _last_heading(tokens: Sequence[Token]) -> int | None:
    for index in range(len(tokens) - 1, -1, -1):
        token = tokens[index]
        if token.type == "heading_open" and token.level == 0 and token.tag in {"h1", "h2"}:
            return index
    return None


def _title(inline: Token) -> str:
    return inline.content.strip().strip("*_").rstrip(": ").casefold()


def _entries(tokens: Sequence[Token]) -> list[tuple[str, Token]] | None:
    """The marker and the inline token of each item, or None if an item is more than one paragraph."""
    shape = ["list_item_open", "paragraph_open", "inline", "paragraph_close", "list_item_close"]
    items = [tokens[index : index + 5] for index in range(0, len(tokens), 5)]
    if not items or any([token.type for token in item] != shape for item in items):
        return None
    return [(item[0].info, item[2]) for item in items]


def _rejoin(children: Sequence[Token]) -> list[Token]:
    """Mend citations that a line end broke apart after a comma."""
    joined: list[Token] = []
    for child in children:
        if (
            child.type == "text"
            and len(joined) > 1
            and joined[-1].type == "softbreak"
            and joined[-2].type == "text"
            and _BROKEN_OFF.search(joined[-2].content)
            and _CARRIED_ON.match(child.content)
        ):
            joined.pop()
            joined[-1].content = f"{joined[-1].content.rstrip()} {child.content.lstrip()}"
        else:
            joined.append(child)
    return joined


def _cite(children: Sequence[Token], known: set[int]) -> Iterator[Token]:
    closed = 0
    for child in children:
        closed += _opens(child)
        if child.type != "text" or closed > 0 or "[" not in child.content:
            yield child
        else:
            yield from _split(child, known)


def _opens(token: Token) -> int:
    """1 for what begins a link or code, -1 for what ends it."""
    if token.type == "html_inline" and (match := _CLOSED_HTML.match(token.content)):
        return -1 if match[1] else 1
    return {"link_open": 1, "link_close": -1}.get(token.type, 0)


def _split(text: Token, known: set[int]) -> Iterator[Token]:
    """The text and citations that *text* consists of."""
    end = 0
    for match in CITATION.finditer(text.content):
        numbers = tuple(int(number) for number in match[1].split(","))
        if not known.issuperset(numbers):
            continue
        if match.start() > end:
            yield Token("text", "", 0, content=text.content[end : match.start()], level=text.level)
        yield Token("citation", "", 0, content=match[0], level=text.level, meta={"numbers": numbers})
        end = match.end()
    if end < len(text.content):
        yield Token("text", "", 0, content=text.content[end:], level=text.level)
