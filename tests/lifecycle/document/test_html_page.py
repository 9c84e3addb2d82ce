import base64
from html.parser import HTMLParser

from lifecycle.document.html_page import page
from lifecycle.document.markdown_template import Picture, code, plain, table

EVIL = "a|b `c` <script>alert(1)</script> @someone #1\n| x | \x1b[31m &lt; ![x](http://x)"
PICTURES = [Picture(name, f"{name} of both", b"light", b"dark") for name in ("one", "two")]


def written(value="14"):
    rows = [(code("train.max_depth"), code(value)), ("plain", value)]
    shown = "\n".join(f"![]({picture.name})" for picture in PICTURES)
    text = f"# {plain(value)}\n\n**Worse:** by {code(value)}.\n\n{table(('name', 'base'), rows)}\n\n{shown}\n"
    return page(value, text, PICTURES)


class Parser(HTMLParser):
    """Collects tags and what is read, and checks that tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.body = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"title", "style"} & set(self.open):
            self.body += data


def test_the_page_needs_no_other_file_and_runs_nothing():
    parser = Parser(written(EVIL))
    assert parser.open == []
    assert not {"script", "link", "iframe", "a"} & {tag for tag, _ in parser.tags}
    addresses = [value for _, attrs in parser.tags for key, value in attrs.items() if key in ("src", "srcset", "href")]
    assert len(addresses) == 4
    assert all(str(address).startswith("data:image/png;base64,") for address in addresses)
    assert "url(" not in written()
    assert "://" not in written()


def test_the_page_shows_what_the_values_hold():
    shown = " ".join(EVIL.replace("\x1b", " ").split())
    assert " ".join(Parser(written(EVIL)).body.split()).count(shown) == 3  # heading and two cells


def test_html_in_the_markdown_itself_is_shown_and_not_run():
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page("t", "<script>alert(1)</script>\n")


def test_the_page_holds_both_versions_of_a_picture_and_what_it_is_about():
    text = written()
    for content in (b"light", b"dark"):
        assert base64.b64encode(content).decode() in text
    assert "prefers-color-scheme: dark" in text
    assert 'alt="one of both"' in text


def test_numbers_stand_to_the_right():
    assert [attrs.get("style") for tag, attrs in Parser(written()).tags if tag == "td"][:2] == [
        "text-align:left",
        "text-align:right",
    ]
