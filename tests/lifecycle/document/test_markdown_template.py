"""A template says everything, and no name or value in it becomes markup."""

import re

import pytest
from jinja2 import UndefinedError

from lifecycle.document.markdown_template import Markdown, Picture, between, code, fill, listed, number, plain, table

EVIL = "a|b `c` <script>alert(1)</script> @someone #1\n| x | \x1b[31m &lt; ![x](http://x)"


def filled(tmp_path, text, **values):
    (tmp_path / "text.md.jinja").write_text(text, encoding="utf-8")
    return fill(tmp_path / "text.md.jinja", **values)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1_754_155, "1,754,155"), (5.0, "5"), (59.32142, "59.32"), (0.76734, "0.7673"), (-0.0004461, "-0.000446"),
     (None, "not defined"), ("amount", "amount")],
)  # fmt: skip
def test_numbers_have_about_four_digits_and_counts_have_all(value, text):
    assert number(value) == text


def test_an_interval_with_an_end_that_is_not_defined_is_none():
    assert between((None, 1.0)) == between((1.0, None)) == between(None) == "not defined"
    assert between((0.25, 1.0)) == "0.2500 to 1"


def test_a_template_escapes_values_but_not_itself_or_what_is_markdown_already(tmp_path):
    text = "**{{ a }}** *b* {{ a|code }} {{ c }} {{ 0.76734 }} {{ none }}\n"
    found = filled(tmp_path, text, a="x_y", c=Markdown("`z`"))
    assert found == "**x\\_y** *b* `x_y` `z` 0.7673 not defined\n"


def test_a_template_that_asks_for_what_there_is_not_is_refused(tmp_path):
    with pytest.raises(UndefinedError, match="nothing"):
        filled(tmp_path, "{{ nothing }}")


def test_a_table_is_what_github_reads():
    assert table(("name", "base"), [(code("train.max_depth"), code("14")), ("plain", 7)]) == (
        "| name | base |\n| :-- | --: |\n| `train.max_depth` | `14` |\n| plain | 7 |"
    )


@pytest.mark.parametrize("show", [code, plain])
def test_a_value_stays_one_cell(show):
    *_, row = table(("name", "value"), [("x", show(EVIL))]).splitlines()
    assert len(re.split(r"(?<!\\)\|", row)) == 4


def test_a_code_span_ends_where_its_value_does():
    assert code(EVIL).startswith("``a\\|b `c` <script>")
    assert (code("`a"), code("")) == ("`` `a ``", "(empty)")


def test_plain_words_are_no_markup_either():
    assert plain("1 * 2 [x](y) <b> a_b &lt; & c") == "1 \\* 2 \\[x\\](y) \\<b\\> a\\_b \\&lt; & c"


@pytest.mark.parametrize("show", [code, plain])
def test_there_is_no_command_for_the_terminal_and_no_end_of_line(show):
    assert not {"\x1b", "\n"} & set(show(EVIL))


@pytest.mark.parametrize(("names", "said"), [(["a"], "`a`"), (["a", "b", "c"], "`a`, `b` and 1 more"), ([], "")])
def test_many_names_are_counted(names, said):
    assert listed(names, most=2) == said


def test_a_long_table_says_how_much_is_left_out():
    found = table(("a",), [(str(i),) for i in range(30)], most=20)
    assert found.endswith("\n\nand 10 more")
    assert "| 25 |" not in found


def test_a_picture_follows_the_theme():
    text = Picture("one", "one of both", b"light", b"dark").beside()
    assert 'media="(prefers-color-scheme: dark)" srcset="one-dark.png"' in text
    assert 'src="one-light.png" alt="one of both"' in text
