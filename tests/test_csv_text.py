"""CSV lines: what needs quotes has them, what a spreadsheet would run is defused, numbers stay numbers."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontree.csv_text import defused, line


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (["a", "b c", None, 3], "a,b c,,3\n"),
        (["a,b", 'say "hi"', "two\nlines", "x\ry"], '"a,b","say ""hi""","two\nlines","x\ry"\n'),
        (["a;b", " a", "a ", "a\tb"], '"a;b"," a","a ","a\tb"\n'),
        (["", None], ",\n"),
        (["=1+1", "@SUM(A1)", "+1555", "-x"], "'=1+1,'@SUM(A1),'+1555,'-x\n"),
        (["\t=1", "\r=1", "\n=1", "\uff1d1"], '"\'\t=1","\'\r=1","\'\n=1",\'\uff1d1\n'),
        (["-2", "-0.05", "1.666E-4", "-7e+3", "0"], "-2,-0.05,1.666E-4,-7e+3,0\n"),
        (["-2+3", "-", "--1", "-1.", "-1,5"], "'-2+3,'-,'--1,'-1.,\"'-1,5\"\n"),
        (["'=1", "it's"], "''=1,it's\n"),
        ([-5], "-5\n"),
    ],
)
def test_lines(cells: list[str | int | None], text: str):
    assert line(cells) == text


@given(st.lists(st.text(), min_size=2))
def test_every_reader_gets_the_texts_back(texts: list[str]):
    (row,) = csv.reader(io.StringIO(line(texts), newline=""), strict=True)
    assert [cell.removeprefix("'") for cell in row] == texts
    assert not any(cell[:1] in tuple("=+@\t\r\n") for cell in row if cell)


@given(st.text())
def test_taking_the_apostrophe_off_gives_the_text_back(text: str):
    safe = defused(text)
    assert (safe.removeprefix("'") if safe != text else safe) == text
    assert safe.startswith("'") or safe == text
