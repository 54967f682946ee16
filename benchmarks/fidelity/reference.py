"""The reference implementation, npm's ``mjml``, in a cache outside of the repository, and its documents."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSION = "5.4.1"
TEMPLATES = "https://github.com/mjmlio/email-templates"

#: Reads jobs as JSON from the standard input, writes results as JSON to the standard output.
_PROGRAM = """
import mjml from 'mjml'
import preset from 'mjml-preset-core'
let text = ''
for await (const chunk of process.stdin) text += chunk
const job = JSON.parse(text)
const tables = () => Object.fromEntries(preset.components.map((entry) => {
  const made = entry.default || entry
  const children = (preset.dependencies[made.componentName] || []).filter((name) => typeof name === 'string')
  return [made.componentName, { attributes: made.allowedAttributes || {}, children }]
}))
const compiled = async (source) => {
  try {
    const made = await mjml(source, { validationLevel: 'soft', fonts: {} })
    const told = made.errors.map(({ line, tagName, message }) => ({ line, tagName, message }))
    return { html: made.html, errors: told }
  } catch (error) {
    return { html: null, errors: [{ line: null, tagName: null, message: String(error.message) }] }
  }
}
const results = []
for (const source of job.sources) results.push(await compiled(source))
process.stdout.write(JSON.stringify({ results, tables: tables() }))
"""


@dataclass(frozen=True)
class Made:
    """What the reference made of a document: HTML, or None if it gave up; and what it complained of."""

    html: str | None
    errors: list[dict[str, Any]]


class Reference:
    """An installed reference implementation.

    Args:
        cache: the folder that it is, or will be, installed into; needs node and npm.
    """

    def __init__(self, cache: Path | None = None) -> None:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.cache = cache or home / "newsletter-press" / "fidelity"
        self.cache.mkdir(parents=True, exist_ok=True)
        if not (self.cache / "node_modules" / "mjml").is_dir():
            (self.cache / "package.json").write_text('{"private": true}', encoding="utf-8")
            command = ["npm", "install", "--silent", "--no-audit", "--no-fund", f"mjml@{VERSION}"]
            subprocess.run(command, cwd=self.cache, check=True)
        (self.cache / "run.mjs").write_text(_PROGRAM, encoding="utf-8")

    def compile(self, sources: list[str]) -> list[Made]:
        """What the reference makes of each of *sources*, validating without stopping."""
        return [Made(**result) for result in self._run(sources)["results"]]

    def tables(self) -> dict[str, Any]:
        """For each component: its attributes with their types, and its children."""
        return dict(self._run([])["tables"])

    def _run(self, sources: list[str]) -> dict[str, Any]:
        job = json.dumps({"sources": sources})
        done = subprocess.run(
            ["node", "run.mjs"], cwd=self.cache, input=job, capture_output=True, text=True, check=True
        )
        return dict(json.loads(done.stdout))

    def templates(self, source: str = TEMPLATES) -> dict[str, str]:
        """The official templates by name; *source* is a Git repository, cloned once."""
        folder = self.cache / "email-templates"
        if not folder.is_dir():
            subprocess.run(["git", "clone", "--quiet", "--depth", "1", source, str(folder)], check=True)
        return {path.stem: _read(path) for path in sorted((folder / "templates").glob("*.mjml"))}

    def examples(self) -> dict[str, str]:
        """The whole documents in the documentation that comes with each component."""
        found: dict[str, str] = {}
        for page in sorted((self.cache / "node_modules").glob("mjml*/README.md")):
            blocks = re.findall(r"```(?:xml|html|mjml)\s*\n(.*?)```", _read(page), re.DOTALL)
            whole = [block for block in blocks if "<mjml" in block and "</mjml>" in block]
            found |= {f"{page.parent.name}-{number}": block for number, block in enumerate(whole, 1)}
        return found


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
