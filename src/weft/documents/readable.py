"""What a person would read of a web page, as plain text with a little Markdown."""

import re
from html.parser import HTMLParser

_SKIPPED = frozenset({"script", "style", "noscript", "template", "svg", "nav", "footer", "aside", "iframe",
                      "select", "button", "dialog"})  # fmt: skip
_BLOCKS = frozenset({"p", "div", "section", "article", "main", "header", "ul", "ol", "table", "tr", "blockquote", "pre",
                     "figure", "figcaption", "dl", "dt", "dd", "hr", "address", "details", "summary"})  # fmt: skip
_VOID = frozenset(
    {"br", "hr", "img", "input", "meta", "link", "source", "wbr", "area", "base", "col", "embed", "track"}
)


def title_and_text(html: str) -> tuple[str, str]:
    """The title, and the words of its main part.

    >>> title_and_text("<title>A</title><nav>menu</nav><h1>B</h1><p>one <b>two</b> <script>x</script><li>c")
    ('A', '# B\\n\\none two\\n- c')
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    words = reader.main if len("".join(reader.main).strip()) > 200 else reader.words
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", "".join(words))
    return " ".join("".join(reader.title).split()), re.sub(r"\n{3,}", "\n\n", text).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.words: list[str] = []
        self.main: list[str] = []
        self._hidden = 0
        self._in_main = 0
        self._in_title = False
        self._pre = 0
        self._hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._in_title = True
        if tag in _SKIPPED:
            self._hidden += 1
            return
        if tag in ("main", "article"):
            self._in_main += 1
        if tag == "pre":
            self._pre += 1
        if tag == "a":
            self._hrefs.append(dict(attrs).get("href") or "")
        self._say(_opening(tag))

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if tag in _SKIPPED:
            self._hidden = max(0, self._hidden - 1)
            return
        if tag == "a" and self._hrefs:
            href = self._hrefs.pop()
            self._say(f" ({href})" if href.startswith(("http://", "https://")) else "")
        if tag in _BLOCKS or re.fullmatch("h[1-6]", tag):
            self._say("\n\n")
        if tag in ("main", "article"):
            self._in_main = max(0, self._in_main - 1)
        if tag == "pre":
            self._pre = max(0, self._pre - 1)

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        else:
            self._say(data if self._pre else re.sub(r"\s+", " ", data))

    def _say(self, words: str) -> None:
        if self._hidden or self._in_title or not words:
            return
        self.words.append(words)
        if self._in_main:
            self.main.append(words)


def _opening(tag: str) -> str:
    if re.fullmatch("h[1-6]", tag):
        return "\n\n" + "#" * int(tag[1]) + " "
    return {"li": "\n- ", "br": "\n", "td": " | ", "th": " | ", "tr": "\n"}.get(tag, "\n\n" if tag in _BLOCKS else "")
