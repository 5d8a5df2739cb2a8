"""CSV that spreadsheets can open without harm: one line at a time, every cell quoted where needed and defused.

A spreadsheet takes a cell that begins with = + - or @ for a formula and runs it, and records hold what callers send.
Such a cell gets an apostrophe in front, which spreadsheets read as "this is text". Numbers stay numbers.
"""

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_RISKY = tuple("=+-@\t\r\n＝＋－＠'")  # noqa: RUF001 (spreadsheets take the wide forms too)
_QUOTED = re.compile(r'[",;\t\r\n]|^\s|\s$')
_PLAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:/ =-]*[A-Za-z0-9._:/=-])?")  # as nearly all cells are


def line(cells: Iterable[str | int | None]) -> str:
    """One line of CSV with its line end; None is an empty cell."""
    return ",".join([_cell(cell) for cell in cells]) + "\n"


def defused(text: str) -> str:
    """The text with an apostrophe in front if a spreadsheet could take it for a formula; a decimal number is none.

    A text that begins with an apostrophe gets another, so that taking one off always gives the text back.
    """
    return "'" + text if text.startswith(_RISKY) and not _NUMBER.fullmatch(text) else text


def _cell(value: str | int | None) -> str:
    if value is None:
        return ""
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    text = defused(text)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
