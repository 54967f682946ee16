"""Footnotes: their marks numbered after the sources, their texts gathered at the end of the document.

A note whose marks all stand within one conditional stands within that conditional too, so that nobody gets a
note to a text that is not for them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from newsletter.issues.kinds import Branch, Conditional, Footnote, Footnotes
from newsletter.issues.walk import children, inlines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from markdown_it.token import Token

    from newsletter.issues.kinds import Block, Inline

#: The conditionals around a mark, from the outermost, each with the number of the branch.
_Chain = tuple[tuple[Conditional, int], ...]


def split_footnotes(tokens: Sequence[Token]) -> tuple[Sequence[Token], Sequence[Token]]:
    """The block tokens of the document proper, and those of the footnotes that the parser put behind them."""
    for index, token in enumerate(tokens):
        if token.type == "footnote_block_open":
            return tokens[:index], tokens[index + 1 : -1]
    return tokens, ()


def number_marks(tokens: Iterable[Token], after: int) -> None:
    """Give the marks of footnotes in *tokens*, in place, their anchors and their numbers after *after*."""
    for token in tokens:
        for child in token.children or ():
            if child.type == "footnote_ref":
                number, again = after + 1 + child.meta["id"], child.meta.get("subId", 0)
                child.meta["number"] = number
                child.meta["anchor"] = back_anchor(number) + (f"-{again + 1}" if again else "")


def note_anchor(number: int) -> str:
    """The anchor of a footnote."""
    return f"note-{number}"


def back_anchor(number: int) -> str:
    """The anchor of the first mark of a footnote."""
    return f"note-{number}-mark"


def read_footnotes(
    tokens: Sequence[Token], after: int, line: int, read: Callable[[Sequence[Token]], tuple[Block, ...]]
) -> tuple[Footnote, ...]:
    """The footnotes that *tokens* are.

    Args:
        tokens: what `split_footnotes` gave.
        after: the number before that of the first.
        line: the line of the file on which the body begins.
        read: makes blocks of block tokens.
    """
    notes: list[Footnote] = []
    start = 0
    for index, token in enumerate(tokens):
        if token.type == "footnote_open":
            start = index + 1
        elif token.type == "footnote_close":
            number = after + 1 + len(notes)
            own = [inner for inner in tokens[start:index] if inner.type != "footnote_anchor"]
            first = next((inner.map[0] for inner in own if inner.map), 0)
            label = tokens[start - 1].meta["label"]
            blocks = read(own)
            notes.append(
                Footnote(number, blocks, note_anchor(number), back_anchor(number), label, line + first)
            )
    return tuple(notes)


def placed(
    notes: Sequence[Footnote], bodies: Iterable[Sequence[Block]], titles: Iterable[Inline]
) -> tuple[Block, ...]:
    """*notes* as one block, each within the conditionals that all its marks in *bodies* are in.

    Args:
        notes: the footnotes of a document.
        bodies: the blocks of its lead, sections and stories.
        titles: those of its sections and stories, which are in no conditional.
    """
    if not notes:
        return ()
    chains: dict[int, list[_Chain]] = {}
    for title in titles:
        _note_marks(title, (), chains)
    for body in (*bodies, *(note.blocks for note in notes)):
        _find(body, (), chains)
    within = {note.number: _shared(chains.get(note.number, [()])) for note in notes}
    common = _shared(within.values())
    own = tuple(_wrapped(note, within[note.number][len(common) :]) for note in notes)
    return (_wrapped(Footnotes(own, notes[0].line), common),)


def _find(blocks: Iterable[Block], chain: _Chain, chains: dict[int, list[_Chain]]) -> None:
    """Note in *chains* where each mark in *blocks* is."""
    for block in blocks:
        for _, content in inlines_of(block):
            _note_marks(content, chain, chains)
        for number, inner in enumerate(children(block)):
            deeper = (*chain, (block, number)) if isinstance(block, Conditional) else chain
            _find(inner, deeper, chains)


def _note_marks(content: Inline, chain: _Chain, chains: dict[int, list[_Chain]]) -> None:
    for token in content:
        if token.type == "footnote_ref":
            chains.setdefault(token.meta["number"], []).append(chain)


def _shared(chains: Iterable[_Chain]) -> _Chain:
    """The conditionals that all *chains* begin with."""
    first, *others = list(chains)
    for other in others:
        same = [a for a, b in zip(first, other, strict=False) if a[0] is b[0] and a[1] == b[1]]
        first = tuple(same)
    return first


def _wrapped(block: Block, chain: _Chain) -> Block:
    for conditional, chosen in reversed(chain):
        branches = tuple(
            replace(branch, blocks=(block,) if number == chosen else ())
            for number, branch in enumerate(conditional.branches)
        )
        block = Conditional(_without_rest(branches, chosen), conditional.line)
    return block


def _without_rest(branches: tuple[Branch, ...], chosen: int) -> tuple[Branch, ...]:
    """The branches up to the chosen one; those after it would be empty."""
    return branches[: chosen + 1]
