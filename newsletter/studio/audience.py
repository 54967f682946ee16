"""Who sees what: how many of those whom an issue is for get each of its conditional blocks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.editions import Choice, Context, Evaluator, MissingValue, split
from newsletter.issues import Conditional, iter_blocks
from newsletter.issues.walk import inlines_of, text_of
from subscribers import SubscribersError, SubscriberStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

    from sqlalchemy import Connection, Engine

    from newsletter.editions import Edition, Piece, Pressed
    from newsletter.issues import Block
    from subscribers import Segment

#: So many people are looked at; a larger list is counted by its first ones, and the page says so.
MOST = 20_000
_AT_A_TIME = 500
_EXCERPT = 90
#: A branch, by the token of its conditional and its number there.
_Branch = tuple[str, int]


@dataclass(frozen=True)
class Arm:
    """One branch of a conditional: its condition as it is written, where, how many see it, what it says."""

    condition: str
    line: int
    seen: int
    excerpt: str


@dataclass(frozen=True)
class Seen:
    """How many an issue is for, and what they see.

    ``counted`` of the ``total`` were looked at; ``words`` says who they are, ``skipped`` how many lack a
    value by the merge tag that needs it. ``trouble`` says why nobody could be counted.
    """

    words: str
    total: int = 0
    counted: int = 0
    forks: tuple[tuple[Arm, ...], ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    trouble: str = ""

    @property
    def unseen(self) -> tuple[Arm, ...]:
        """The branches that nobody sees of those who were looked at; none while there is nobody."""
        if not self.counted:
            return ()
        return tuple(arm for fork in self.forks for arm in fork if not arm.seen)


def count_seen(engine: Engine | None, pressed: Pressed, among: str = "", *, until_all: bool = False) -> Seen:
    """Count who sees which branch of *pressed*, by what a dispatch would give them.

    Those are counted who would be planned now: of the issue's segment, or the saved one *among*, and of its
    topic, if they may be mailed. With *until_all*, only until somebody sees each branch: what is told then is
    which of them nobody sees.
    """
    issue = pressed.issue
    name = among or issue.segment
    words = f"segment “{name}”" if name else "everybody on the list"
    if issue.topic:
        words += f" who chose the topic “{issue.topic}”"
    forks = _forks(pressed, Counter())
    if engine is None:
        return Seen(words, forks=forks, trouble="There is no list yet.")
    if until_all and not forks:
        return Seen(words)
    try:
        store = SubscriberStore(engine)
        segment = store.segment(name) if name else None
        with engine.connect() as connection:
            ids = _planned(store, connection, segment, issue.topic or "")
            enough = _branches(pressed) if until_all else None
            counts, skipped = _counted(store, connection, pressed.edition, ids[:MOST], enough)
    except SubscribersError as error:
        return Seen(words, forks=forks, trouble=f"{error.what[:1].upper()}{error.what[1:]}.")
    return Seen(words, len(ids), min(len(ids), MOST), _forks(pressed, counts), skipped)


def segment_names(engine: Engine | None) -> list[str]:
    """The names of the saved segments."""
    return [] if engine is None else [saved.name for saved in SubscriberStore(engine).segments()]


def _planned(
    store: SubscriberStore, connection: Connection, segment: Segment | None, topic: str
) -> list[int]:
    return [who for who, barrier in store.candidates(connection, segment, topic=topic) if barrier is None]


def _counted(
    store: SubscriberStore,
    connection: Connection,
    edition: Edition,
    ids: Sequence[int],
    enough: Set[_Branch] | None,
) -> tuple[Counter[_Branch], dict[str, int]]:
    """How often each branch is seen, and who lacks what; looks at no more once those of *enough* are seen."""
    evaluator = Evaluator(edition)
    pieces = split(edition.html, edition, Context.HTML)
    links = dict.fromkeys(("unsubscribe", "preferences", "web"), "https://example.com/")
    seen: Counter[_Branch] = Counter()
    skipped: Counter[str] = Counter()
    for start in range(0, len(ids), _AT_A_TIME):
        if enough is not None and seen.keys() >= enough:
            break
        for person in store.addressees(connection, list(ids[start : start + _AT_A_TIME])).values():
            try:
                values = evaluator.values(person.fields, links)
            except MissingValue as missing:
                skipped[missing.source] += 1
                continue
            seen.update(_taken(pieces, values))
    return seen, dict(skipped.most_common())


def _taken(pieces: Sequence[Piece], values: Mapping[str, str | bool]) -> Iterator[_Branch]:
    for piece in pieces:
        if not isinstance(piece, Choice):
            continue
        for number, (token, inner) in enumerate(piece.branches):
            if token is None or values[token]:
                yield str(piece.branches[0][0]), number
                yield from _taken(inner, values)
                break


def _conditionals(pressed: Pressed) -> Iterator[Conditional]:
    return (block for block in iter_blocks(pressed.document) if isinstance(block, Conditional))


def _name(conditional: Conditional) -> str:
    first = conditional.branches[0].tag
    return first.token if first else ""


def _branches(pressed: Pressed) -> Set[_Branch]:
    found = ((_name(each), len(each.branches)) for each in _conditionals(pressed))
    return {(name, number) for name, many in found for number in range(many)}


def _forks(pressed: Pressed, counts: Counter[_Branch]) -> tuple[tuple[Arm, ...], ...]:
    return tuple(_arms(conditional, counts) for conditional in _conditionals(pressed))


def _arms(conditional: Conditional, counts: Counter[_Branch]) -> tuple[Arm, ...]:
    name = _name(conditional)
    return tuple(
        Arm(
            branch.tag.expression if branch.tag else "everybody else",
            branch.line,
            counts[name, number],
            _excerpt(branch.blocks),
        )
        for number, branch in enumerate(conditional.branches)
    )


def _excerpt(blocks: Sequence[Block]) -> str:
    text = " ".join(text_of(content, tags=False) for block in blocks for _, content in inlines_of(block))
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT].rsplit(' ', 1)[0]} …"
