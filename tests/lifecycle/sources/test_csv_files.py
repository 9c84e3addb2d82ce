import csv
import io
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.contract.row_validation import check
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import CsvParams
from lifecycle.core.section import checked
from lifecycle.problem.problem import Column
from lifecycle.sources import csv_files
from lifecycle.sources.csv_files import read_csv
from lifecycle.sources.files import read_file
from tests.helpers_data import small_problem
from tests.helpers_model import quick

USUAL = {"separator": ",", "skip_lines": 0, "decimal": "."}
NAMES = ["id", "time", "label", "note", "amount"]
PROBLEM = small_problem(Column("note", "text", "", nullable=True), Column("amount", "number", ""))
ROWS = [["1", "2018-01-01", "0", "a, b", "1.5"], ["2", "2018-01-02", "1", 'say "x"', "2.5"]]


def options(**changes):
    return checked(CsvParams, USUAL | changes, "test")


def written(rows=ROWS, separator=",", quoting=csv.QUOTE_MINIMAL, before=""):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, quoting=quoting, lineterminator="\n").writerows([NAMES, *rows])
    return before + text.getvalue()


def read(text, **changes):
    table = read_csv(io.BytesIO(text.encode()), "a.csv", options(**changes), lambda _: None)
    return table.column_names, [list(row.values()) for row in table.to_pylist()]


def refusal(text, **changes):
    with pytest.raises(PipelineError) as refused:
        read(text, **changes)
    return str(refused.value).removeprefix("a.csv: ")


def advice(tmp_path, text, **changes):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(PipelineError) as refused:
        read_file(tmp_path / "a.csv", PROBLEM, options(**changes))
    return str(refused.value)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", ":", "\x01"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_cells_are_those_that_were_written_whatever_separates_and_quotes_them(separator, quoting):
    rows = [[cell.replace(":", "-") for cell in row] for row in ROWS]
    assert read(written(rows, separator, quoting), separator=separator) == (NAMES, rows)


@pytest.mark.parametrize("separator", ["", "a", "5", '"', "\n", "\r", " ", ".", "-", "ab", "é", "+"])
def test_separator_that_is_part_of_a_cell_is_refused(separator):
    with pytest.raises(PipelineError, match="separator"):
        options(separator=separator)


def test_separator_and_decimal_differ():
    with pytest.raises(PipelineError, match="separator and decimal must differ"):
        options(decimal=",")


def test_lines_before_the_names_are_skipped():
    assert read(written(before="Loans of 2024\n\n"), skip_lines=2) == (NAMES, ROWS)
    assert read(written(before='a "title\nmore\n'), skip_lines=2) == (NAMES, ROWS)
    assert refusal(written(), skip_lines=3) == "no header line"


def test_a_quote_inside_an_unquoted_cell_is_a_character():
    rows = [["1", "t", "0", '5" pipe', "1"], ["2", "t", "0", '6" and 7"', "1"]]
    text = "\n".join(",".join(row) for row in [NAMES, *rows])
    assert read(text) == (NAMES, rows)


def test_an_empty_cell_is_missing_quoted_or_not():
    assert read('a,b\n1,""\n2,\n')[1] == [["1", None], ["2", None]]


STRAY = '1,t,0,"see file,1\n2,t,0,x,1\n3,t,0,y,1\n4,t,0,"z,1\n5,t,0,w,1\n'


def test_a_quoted_cell_that_does_not_end_in_its_line_is_refused_with_both_lines():
    said = refusal(",".join(NAMES) + "\n" + STRAY)
    assert said.startswith(
        "a quoted cell begins in line 2 and does not end in it, the next quote is in line 5: it would"
    )


@pytest.mark.parametrize("block", [1, 30, 60, 200])
def test_both_lines_are_named_wherever_the_file_is_cut_in_blocks(monkeypatch, block):
    monkeypatch.setattr(csv_files, "BLOCK", block)
    said = refusal(",".join(NAMES) + "\n" + STRAY)
    assert "begins in line 2 and" in said
    assert "next quote is in line 5:" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('1,t,0,"one\ntwo",1', "begins in line 2 and does not end in it, the next quote is in line 3"),
        ('1,t,0,"one\rtwo",1', "begins in line 2 and does not end in it, the next quote is in line 3"),
        ('1,t,0,"one,1', "begins in line 2 and does not end in it, no quote follows"),
        ('1,t,0,"a"b",1', "begins in line 2 and does not end in it"),
        ('1,t,0,"a" b,1', 'line 2: a quote inside a quoted cell must be doubled, "as ""here"""'),
        ('1,"t,0,x,"1', "line 2: a quote inside a quoted cell must be doubled"),
        ("1,t,0,x", "line 2 has 4 cells, the header has 5"),
        ('1,"t,0",x,1', "line 2 has 4 cells, the header has 5"),
        ("1,t,0,x,1,", "line 2 has 6 cells, the header has 5"),
        (" ", "line 2 has 1 cells, the header has 5"),
    ],
)
def test_a_line_that_is_no_record_is_refused_by_its_number(line, said):
    assert said in refusal(",".join(NAMES) + f"\n{line}\n")


def test_a_header_is_as_strict_as_a_record():
    assert "a quoted cell begins in line 1" in refusal('a,"b\n1,2\n3,"4\n')
    assert read("\n\n\na,b\n\n1,2\n") == (["a", "b"], [["1", "2"]])
    assert refusal("\n" * 100) == "no header line"


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blocks_and_line_ends_change_nothing(monkeypatch, block, end):
    monkeypatch.setattr(csv_files, "BLOCK", block)
    text = "\ufeff" + written(ROWS * 5)
    assert read(text.replace("\n", end)) == (NAMES, ROWS * 5)
    assert read(text.replace("\n", end).removesuffix(end)) == (NAMES, ROWS * 5)


cells = st.text(st.sampled_from('a1,";\t|é '), max_size=6)


@quick
@given(
    st.lists(st.lists(cells, min_size=5, max_size=5), min_size=1, max_size=6),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(1, 80),
)
def test_any_cells_come_back_as_the_csv_module_reads_them(rows, separator, quoting, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "BLOCK", block)
        text = written(rows, separator, quoting)
        assert read(text, separator=separator)[1] == [[cell or None for cell in row] for row in rows]


def test_a_file_with_any_stray_quotes_gives_each_row_of_the_file_or_a_refusal():
    rng, refused = random.Random(0), 0
    lines = written([[str(i), "t", "0", f"n{i}", "1"] for i in range(20)]).splitlines()
    for _ in range(400):
        damaged = list(lines)
        for _ in range(rng.choice([1, 2, 2, 3])):
            line = rng.randrange(1, len(lines))
            place = rng.randrange(len(damaged[line]) + 1)
            damaged[line] = damaged[line][:place] + '"' + damaged[line][place:]
        try:
            rows = read("\n".join(damaged))[1]
        except PipelineError as error:
            assert re.search(r"line \d+", str(error))
            refused += 1
        else:
            assert [row[0].replace('"', "") for row in rows] == [str(i) for i in range(20)]
    assert 100 < refused < 400


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (written(separator=";"), "the cells of line 1 stand between ';': set ingest.csv.separator to it"),
        (written(separator="\t"), "the cells of line 1 stand between '\\t': set ingest.csv.separator to it"),
        (
            written(separator=";", before="sep=;\n"),
            "the cells of line 2 stand between ';': set ingest.csv.separator to it; the names of the columns stand"
            " in line 2: set ingest.csv.skip_lines to 1",
        ),
        (written(before="Loans of 2024,,,,\n"), "stand in line 2: set ingest.csv.skip_lines to 1"),
        (written(before="Loans of 2024\nby branch\n\n"), "stand in line 4: set ingest.csv.skip_lines to 3"),
    ],
)
def test_names_that_stand_elsewhere_are_found_and_what_to_set_is_said(tmp_path, text, said):
    message = advice(tmp_path, text)
    assert f"{text.splitlines()[0]!r} does not name the columns; " in message
    assert message.endswith(said)


def test_too_many_skipped_lines_are_told(tmp_path):
    assert "stand in line 1: set ingest.csv.skip_lines to 0" in advice(tmp_path, written(), skip_lines=1)


def test_a_header_of_other_names_gets_no_advice_about_separators(tmp_path):
    assert "missing columns: amount; extra columns: euro" in advice(tmp_path, written().replace("amount", "euro"))


def test_decimal_comma_and_semicolon_are_read_when_they_are_set(tmp_path):
    (tmp_path / "a.csv").write_text(
        "sep=;\n" + written([["1", "2018-01-01", "0", "1,5", "1,5"]], ";"), encoding="utf-8"
    )
    table = read_file(tmp_path / "a.csv", PROBLEM, options(separator=";", decimal=",", skip_lines=1))
    verdict = check(table, PROBLEM, None)
    assert verdict.kept[["note", "amount"]].to_numpy().tolist() == [["1,5", 1.5]]
    assert table["amount"].to_pylist() == ["1,5"]  # as it stands in the file
