"""The contents of the command line: help and completion are told by them, and nothing has to be loaded."""

from __future__ import annotations

#: The commands in the order of the work: the module of each, which is loaded when the command is called, and
#: the first sentence of its help.
COMMANDS = {
    "init": ("issues", "Make a new publication."),
    "new": ("issues", "Make a new issue and print its path."),
    "build": ("issues", "Compile an issue into SLUG.html, SLUG.txt and SLUG.eml."),
    "check": ("checking", "Look for what is wrong with each ISSUE; exit code 4 if there are errors."),
    "rules": (
        "checking",
        "List the rules of `newsletter check`, or tell one RULE with its reason and examples.",
    ),
    "preview": ("serving", "See each issue as readers will, in a browser, while you write."),
    "approve": ("reviewing", "Approve an issue as it is now; whatever changes in it voids the approval."),
    "theme": ("themes", "See the themes there are, and make one your own."),
    "subscribers": ("people", "Add, import, list, show, tag and unsubscribe people."),
    "segments": ("segments", "Name an expression over subscribers, and see whom it means."),
    "topics": (
        "topics",
        "Say what subscribers can choose to receive; an issue with `topic: SLUG` is for whoever chose it.",
    ),
    "test": ("sending", "Hand a test message over to each ADDRESS, marked as such and outside the ledger."),
    "send": (
        "sending",
        "Send an issue: one message for each subscriber of a segment, and one recorded outcome for each.",
    ),
    "status": ("dispatches", "Show how a dispatch stands, or all of them."),
    "log": (
        "reports",
        "Print what came of each recipient, and what was learned since: delivered, bounced, complained.",
    ),
    "report": (
        "reports",
        "Report on a dispatch: outcomes, by domain, by reason, who is in doubt, and the times.",
    ),
    "pause": (
        "dispatches",
        "Halt a running dispatch, from any terminal; what is in flight is finished and recorded.",
    ),
    "resume": (
        "running",
        "Go on with a dispatch that was paused, halted or interrupted, with the edition that it froze.",
    ),
    "cancel": ("dispatches", "End a dispatch for good; whoever was not tried yet is recorded as skipped."),
    "reconcile": (
        "reconciling",
        "Settle recipients in doubt, by evidence or by what you know; without options, name them.",
    ),
    "bounces": ("bounces", "Take in what mail servers return, and complaints."),
    "retry": (
        "running",
        "Try those again whose message was not taken several times; nobody is mailed twice by it.",
    ),
    "run-due": (
        "running",
        "Hand over what is due now, as planned with `send --at`, and notices; for cron or a timer.",
    ),
    "worker": (
        "working",
        "Work on every dispatch that is running or falls due, with other machines, until told to stop.",
    ),
    "archive": (
        "archiving",
        "Say which issues everybody may read in the archive; the others need the link of the mail.",
    ),
    "serve": (
        "serving",
        "Run the readers' web service: joining, leaving, preferences, archive; "
        "and mail what it is asked for.",
    ),
    "signup-form": ("joining", "Print a form for signing up, to be put into any page, also of another site."),
    "notices": ("joining", "See and hand over notices: the mails that answer what readers ask for on pages."),
    "keys": ("keys", "Look after the keys that sign the links in messages; they stay in the database."),
    "db": ("upkeep", "Look after the database."),
    "config": ("upkeep", "Look at the settings."),
    "doctor": (
        "upkeep",
        "Try what a send needs: settings, theme, checks, database, list, provider; "
        "tell what refuses your mail.",
    ),
    "completion": ("upkeep", "Print the completion script for a shell."),
}
#: The titles of chapters, by the command that each begins with.
CHAPTERS = {
    "init": "Write",
    "subscribers": "The list",
    "test": "Send",
    "archive": "What readers reach",
    "keys": "Keep in order",
}
