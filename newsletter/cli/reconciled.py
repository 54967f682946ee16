"""What `newsletter reconcile` tells: what would come of it, how right the file is, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.cli import output

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from newsletter.delivery import Status
    from newsletter.delivery.reconciling import Bearing, Reconciled


def shown(path: Path) -> str:
    """What a file of evidence is called."""
    return "standard input" if str(path) == "-" else path.name


def show_foreseen(
    standing: Status, foreseen: Reconciled, named: Sequence[tuple[str, Bearing]], settled: Counter[str]
) -> None:
    """Show what would come of it, and how much of each file is about the dispatch.

    Args:
        standing: how the dispatch stands.
        foreseen: what would come of it.
        named: each file of evidence, and its bearing.
        settled: who is named and had an outcome before, by state.
    """
    before = ", ".join(f"{count:,} {state}" for state, count in sorted(settled.items()))
    output.facts(
        [
            ("dispatch", f"{standing.dispatch} ({standing.state})"),
            *((name, _bearing(each)) for name, each in named),
            *_facts(foreseen),
            ("left as they are", f"{before}, named and settled before" if before else ""),
        ]
    )
    for name, each in named:
        if each.strange:
            how_much = "hardly anything of it is about" if each.here else "it names nobody of"
            output.warn(f"{name}: {how_much} {standing.dispatch}; is it the right file?")
    if foreseen.changes:
        return
    if foreseen.held:
        _warn_of_held(standing.dispatch, foreseen.held)
    elif foreseen.left_alone:
        output.say("nobody else is to be tried again; there is nothing to write down")
    elif foreseen.doubtful:
        output.say("there is nothing to settle")
    elif named or standing.failed:
        output.say("nobody is in doubt; there is nothing to settle")
    else:
        output.say("nobody is in doubt, and nobody has failed; there is nothing to settle")


def question(dispatch: str, foreseen: Reconciled) -> str:
    """What is asked before it is done."""
    verbs = (
        ("settle", foreseen.proved + foreseen.accepted + foreseen.failed),
        ("take out", foreseen.taken_out),
        ("try again", foreseen.resent + foreseen.retried),
        ("name as in doubt", foreseen.recovered),
    )
    told = ", ".join(f"{verb} {count:,}" for verb, count in verbs if count)
    return f"{told[:1].upper()}{told[1:]} of {dispatch}?"


def show_done(dispatch: str, done: Reconciled) -> None:
    """Tell who was settled, taken out and put back, who is in a worker's hands, and who is still in doubt."""
    settled, again = done.proved + done.accepted + done.failed, done.resent + done.retried
    output.say(f"settled: {settled:,}, to be tried again: {again:,}")
    if done.taken_out:
        have = (
            "who was pending has it, and is" if done.taken_out == 1 else "who were pending have it, and are"
        )
        output.say(f"{output.plural(done.taken_out, 'recipient')} {have} not mailed again")
    if done.held:
        _warn_of_held(dispatch, done.held)
    if done.doubtful:
        who = output.plural(done.doubtful, "recipient")
        output.say(f"{who} still in doubt: `--accepted`, `--failed` or `--resend`")
    if again:
        output.say(f"next: {output.resuming(dispatch)}")


def document(done: Reconciled, bearings: Sequence[Bearing], settled: Counter[str]) -> dict[str, object]:
    """The same numbers, for programs."""
    settled_now = ("proved", "accepted", "failed", "taken_out")
    names = (*settled_now, "resent", "retried", "left_alone", "held", "recovered")
    return {
        **{name: getattr(done, name) for name in names},
        "named": sum(each.names for each in bearings),
        "strangers": sum(each.names - each.here for each in bearings),
        "settled_before": sum(settled.values()),
    }


def _bearing(bearing: Bearing) -> str:
    if not bearing.names:
        return "names no message of a newsletter"
    told = output.plural(bearing.names, "name")
    if not (strangers := bearing.names - bearing.here):
        return told
    elsewhere = "".join(f"; {count:,} of {name}" for name, count in bearing.elsewhere.most_common(3))
    return f"{told}, {strangers:,} of nobody in this dispatch{elsewhere}"


def _facts(foreseen: Reconciled) -> Iterator[tuple[str, str]]:
    told = (
        ("in the hands of a process that is gone", foreseen.recovered, "are in doubt now"),
        ("in doubt, by evidence", foreseen.proved, "become accepted"),
        ("in doubt, by your word", foreseen.accepted, "become accepted"),
        ("in doubt, by your word", foreseen.failed, "become failed"),
        ("in doubt, to be tried again", foreseen.resent, "at the risk of a second mail"),
        ("failed, to be tried again", foreseen.retried, "nobody is mailed twice"),
        ("left alone", foreseen.left_alone, "got the issue from another dispatch since, or will"),
        ("pending, by evidence", foreseen.taken_out, "become accepted, and are not mailed"),
        ("in the hands of a process", foreseen.held, "are named, and left to it"),
        ("in doubt after that", foreseen.doubtful, "stay so until you decide"),
    )
    return ((name, f"{count:,} {what}") for name, count, what in told if count)


def _warn_of_held(dispatch: str, count: int) -> None:
    output.warn(
        f"{count:,} more of whom there is evidence are in the hands of a process: `newsletter pause"
        f" {dispatch}`, then once more; if it is gone, 15 minutes after its end"
    )
