"""No MJML kills the process that compiles it: thousands of broken documents, in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "golden" / "editions" / "everything.mjml"

#: Changes a document at a few random places, compiles it, and counts what comes out; always the same.
PROGRAM = r"""
import random, sys
from newsletter.editions.mjml import to_html
from newsletter.errors import ThemeError
chance = random.Random(20260411)
source = open(sys.argv[1], encoding="utf-8").read()
source = source[: source.index("<mj-body")] + source[source.index("<mj-body") :][:6000]
bits = [
    "<", ">", "</", "/>", "&", '"', "'", "<!--", "-->", "<![endif]-->", "<!--[if mso]>", "<!--[if", "]>", "<![endif]",
    "<!-->", "<!--<![endif]-->", "<![CDATA[", "]]>", "<?", "<!", "\0", "\ud800", "\u0300", "é", "{{", "%}", "=", "\n",
    "<mj-body>", "</mj-body>", "<mj-attributes>", "<mj-style>", "<mj-raw>", "<mj-carousel>", "<mj-section>", "</mjml>",
    "<mjml>", "<div>" * 5000, "<mj-wrapper>" * 2500, "<!--[if mso]>" + "<b>" * 30000 + "<![endif]-->",
]
outcomes = {True: 0, False: 0}
for number in range(int(sys.argv[2])):
    text = source
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(text))
        cut = chance.choice((0, 0, 1, 5, 60))
        text = text[:at] + chance.choice((chance.choice(bits), text[at : at + 40] * 2, "")) + text[at + cut :]
    try:
        to_html(text, lenient=number % 2 == 0)
        outcomes[True] += 1
    except ThemeError:
        outcomes[False] += 1
print(outcomes[True], outcomes[False])
"""


def test_broken_documents_give_html_or_an_error_and_never_kill_the_process():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(SOURCE), "1500"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    compiled, refused = map(int, done.stdout.split())
    assert compiled + refused == 1500
    assert refused > 100
    assert "panicked" not in done.stderr
