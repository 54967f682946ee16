"""The text of an expression: Jinja's tokens and syntax tree, and errors that point into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, TemplateSyntaxError
from jinja2 import nodes as jinja
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from subscribers.attributes import LARGEST_NUMBER
from subscribers.errors import SegmentError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_EXPRESSION = 10_000

WHAT_IS_KNOWN = 'a segment compares fields with values, such as `country == "DE" and "pro" in tags`'


#: What other languages write, and what is written here; the longer come first.
_FOREIGN = {
    "===": "==", "=>": ">=", "=<": "<=", "&&": "and", "||": "or", "<>": "!=",
    "AND ": "and", "OR ": "or", "NOT ": "not",
    "=": "==", "&": "and", "|": "or", "!": "not"
}  # fmt: skip


class Source:
    """An expression as it was written.

    Jinja's parser notes of each node the line number of its token. It is handed tokens whose "line number" is
    the offset in the expression, so that every error can point at its column.
    """

    def __init__(self, expression: str) -> None:
        self.text = expression.replace("\r\n", "\n").replace("\r", "\n").rstrip()
        self._environment = Environment(autoescape=True)
        self._replaced: list[tuple[int, int, str]] = []

    def syntax_tree(self) -> jinja.Expr:
        """What Jinja makes of it.

        Raises:
            SegmentError: it is empty, too long, or not in the grammar of Jinja.
        """
        if not self.text.strip():
            raise self.error("the expression is empty", 0, hint=WHAT_IS_KNOWN)
        if len(self.text) > LONGEST_EXPRESSION:
            raise self.error(f"the expression is longer than {LONGEST_EXPRESSION:,} characters", 0)
        try:
            return self._parsed()
        except TemplateSyntaxError as error:
            raise self._syntax_error(error) from error

    def error(self, what: str, offset: int, *, hint: str = "") -> SegmentError:
        """An error that points at the character *offset*, counted from 0."""
        before = self.text[:offset]
        line = before.count("\n") + 1
        return SegmentError(what, line=line, column=offset - before.rfind("\n"), hint=hint)

    def replace_call(self, offset: int, by: str) -> None:
        """Let `replaced` have the text *by* for the call whose name begins at *offset*."""
        tokens = ((start, text) for start, _, text in self._tokens() if start > offset)
        end = next(start for start, text in tokens if text == ")")
        self._replaced.append((offset, end + 1, by))

    @property
    def replaced(self) -> str:
        """The expression with what `replace_call` put in the place of calls."""
        text = self.text
        for begin, end, by in sorted(self._replaced, reverse=True):
            text = text[:begin] + by + text[end:]
        return text

    def text_at(self, text: str, offset: int) -> str:
        """A text that somebody might have.

        Raises:
            SegmentError: nobody can.
        """
        if not text:
            raise self.error(
                "an empty text is never known", offset, hint="write `is defined`, or `is not defined`"
            )
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise self.error("this text has a character that no subscriber can have", offset)
        return text

    def number_at(self, number: float, offset: int) -> float:
        """A number that somebody might have.

        Raises:
            SegmentError: nobody can.
        """
        if not abs(number) <= LARGEST_NUMBER:
            raise self.error("this number is too large", offset)
        return number

    def _parsed(self) -> jinja.Expr:
        parser = Parser(self._environment, "")
        parser.stream = TokenStream(self._environment.lexer.wrap(self._tokens()), None, None)
        tree = parser.parse_expression()
        if not parser.stream.eos:
            parser.fail("`and`, `or` or the end was expected here", parser.stream.current.lineno)
        return tree

    def _tokens(self) -> Iterator[tuple[int, str, str]]:
        offset = 0
        try:
            for _, kind, text in self._environment.lexer.tokeniter(self.text, None, state="variable"):
                yield offset, kind, text
                offset += len(text)
        except TemplateSyntaxError as error:
            raise TemplateSyntaxError(error.message or "", offset) from error

    def _syntax_error(self, error: TemplateSyntaxError) -> SegmentError:
        """What Jinja says, in the words of somebody who writes no templates."""
        if self.text.lstrip().startswith("{"):
            return self.error("an expression is written without braces", 0, hint=WHAT_IS_KNOWN)
        if "end of template" in (error.message or ""):
            return self.error("the expression ends too early", len(self.text), hint=WHAT_IS_KNOWN)
        # Of `<>`, the parser stumbles over the second half.
        offset = error.lineno - self.text.startswith("<>", error.lineno - 1)
        for foreign, ours in _FOREIGN.items():
            if self.text.startswith(foreign, offset):
                what = f"`{foreign.strip()}` is of another language"
                return self.error(what, offset, hint=f"write `{ours}`")
        what = (error.message or "this cannot be read").split(" at ")[0].rstrip(".").replace("'", "`")
        return self.error(what, error.lineno, hint=WHAT_IS_KNOWN)
