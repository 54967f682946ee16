"""Every rule there is, by family, in the order in which docs/rules.md tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.checks import (
    access,
    clients,
    content,
    images,
    links,
    looks,
    markup,
    merging,
    online,
    outline,
    plain,
    reading,
    sending,
    size,
    spam,
    targets,
    waivers,
)

if TYPE_CHECKING:
    from newsletter.checks.rule import Rule

FAMILIES: dict[str, tuple[Rule, ...]] = {
    "Subject, preheader and text": content.RULES,
    "What the Markdown says": reading.RULES,
    "Merge tags": merging.RULES,
    "Links": links.RULES,
    "Links, looked up": online.RULES,
    "Images": images.RULES,
    "Accessibility": outline.RULES + access.RULES,
    "Colours and letters": looks.RULES,
    "Tapping": targets.RULES,
    "Size": size.RULES,
    "The HTML document": markup.RULES,
    "What mail programs support": clients.RULES,
    "Plain text": plain.RULES,
    "Sender, headers and the law": sending.RULES,
    "What filters take for spam": spam.RULES,
    "Waivers": waivers.RULES,
}
RULES: dict[str, Rule] = {rule.id: rule for family in FAMILIES.values() for rule in family}
#: Rules that ask somebody else, so that they find something only in a run that may.
ASKING = frozenset({*(rule.id for rule in online.RULES), spam.SPAM_SCORE.id})
#: What is looked at offline, one function for some rules each.
LOOKS = tuple(
    look
    for family in (
        content,
        reading,
        merging,
        links,
        images,
        outline,
        access,
        looks,
        targets,
        size,
        markup,
        clients,
        plain,
        sending,
        spam,
    )
    for look in family.LOOKS
)
