"""One structure, two writers: each says everything, and none lets a name or a value become markup."""

import base64
import re
from html.parser import HTMLParser

import pytest

from lifecycle.document.blocks import Code, Document, Picture, Section, Strong, bullets, listed, table, text
from lifecycle.document.html_page import page
from lifecycle.document.markdown import beside, markdown

EVIL = "a|b `c` <script>alert(1)</script> @someone #1\n| x | \x1b[31m &lt; ![x](http://x)"
PICTURES = [Picture(name, f"{name} of both", b"light", b"dark") for name in ("one", "two")]


def document(value: str = "14") -> Document:
    rows = [(Code("train.max_depth"), Code(value)), ("plain", "7")]
    blocks = (table(("name", "base"), rows), *PICTURES, text("Last ", Code(value), "."))
    return Document("Model report", (text(Strong("Worse:"), " by 0.1."),), (Section("Params", blocks),))


class Tags(HTMLParser):
    """Collects tags and checks that they are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_markdown_is_what_github_reads():
    assert markdown(document()) == (
        "# Model report\n\n**Worse:** by 0.1.\n\n## Params\n\n"
        "| name | base |\n| :-- | --: |\n| `train.max_depth` | `14` |\n| plain | 7 |\n\nLast `14`.\n"
    )


def test_pictures_stand_side_by_side_and_follow_the_theme():
    written = markdown(document(), beside)
    lines = [line for line in written.splitlines() if "<picture>" in line]
    assert len(lines) == 2
    assert "\n".join(lines) in written
    assert 'media="(prefers-color-scheme: dark)" srcset="one-dark.png"' in lines[0]
    assert 'src="one-light.png"' in lines[0]


def test_a_value_stays_one_cell_of_markdown_and_one_code_span():
    written = markdown(document(EVIL))
    (row,) = (line for line in written.splitlines() if line.startswith("| `train.max_depth`"))
    assert len(re.split(r"(?<!\\)\|", row)) == 4
    assert row.split(" | ", 1)[1].startswith("``a\\|b `c` <script>")
    assert "\n| x" not in written


def test_plain_words_are_no_markup_either():
    written = markdown(Document("a_b", (text("1 * 2 [x](y) <b>"),), ()))
    assert written == "# a\\_b\n\n1 \\* 2 \\[x\\](y) \\<b\\>\n"


def test_a_pipe_is_escaped_in_the_code_of_a_table_only():
    written = markdown(Document("t", (text(Code("a|b")), table(("x",), [(Code("a|b"),)])), ()))
    assert "\n`a|b`\n" in written
    assert "| `a\\|b` |" in written


def test_each_item_of_a_list_is_a_line_whatever_it_holds():
    written = markdown(Document("t", (bullets(["a", ("b ", Code("c")), "d\n- e"]),), ()))
    assert written.endswith("\n\n- a\n- b `c`\n- d - e\n")


@pytest.mark.parametrize(("names", "said"), [(["a"], "a"), (["a", "b", "c"], "a, b and 1 more"), ([], "")])
def test_many_names_are_counted(names, said):
    assert "".join(listed(names, most=2)) == said


def test_a_long_table_says_how_much_is_left_out():
    one = Document("t", (table(("a",), [(str(i),) for i in range(30)], most=20),), ())
    for writer in (markdown, page):
        assert "and 10 more" in writer(one)
        assert ">25<" not in writer(one)


def test_markdown_holds_no_command_for_the_terminal():
    assert "\x1b" not in markdown(document(EVIL))


def test_the_page_needs_no_other_file_and_runs_nothing():
    parser = Tags()
    parser.feed(page(document(EVIL)))
    assert parser.open == []
    assert not {"script", "link", "iframe"} & {tag for tag, _ in parser.seen}
    addresses = [value for _, attrs in parser.seen for key, value in attrs.items() if key in ("src", "srcset", "href")]
    assert addresses
    assert all(str(address).startswith("data:image/png;base64,") for address in addresses)
    assert "url(" not in page(document())
    assert "://" not in page(document())


def test_the_page_holds_both_versions_of_a_picture():
    written = page(document())
    for content in (b"light", b"dark"):
        assert base64.b64encode(content).decode() in written
    assert "prefers-color-scheme: dark" in written


def test_the_page_shows_what_the_values_hold():
    class Shown(HTMLParser):
        text = ""

        def handle_data(self, data: str) -> None:
            self.text += data

    parser = Shown()
    parser.feed(page(Document(EVIL, (text(Code(EVIL)), table(("a", "b"), [(Code(EVIL), EVIL)])), ())))
    shown = " ".join(EVIL.replace("\x1b", " ").split())
    assert " ".join(parser.text.split()).count(shown) == 4  # heading, paragraph and two cells
