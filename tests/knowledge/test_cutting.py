"""Documents in pieces: along headings, pages, tables and code, of a size, each a slice of the text."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from weft.documents.base import GAP, Block, Document
from weft.documents.plain import blocks_of
from weft.knowledge.cutting import Piece, cut
from weft.runtime.conversation import estimate


def document(*blocks: Block) -> Document:
    """With the offsets that a reader gives."""
    placed: list[Block] = []
    offset = 0
    for block in blocks:
        placed.append(replace(block, offset=offset))
        offset += len(block.text) + len(GAP)
    return Document(kind="markdown", blocks=tuple(placed))


def markdown(text: str) -> Document:
    return document(*blocks_of(text))


def told(pieces: list[Piece]) -> list[tuple[str, str]]:
    return [(" > ".join(piece.path), piece.text) for piece in pieces]


LONG = "Words that go on. " * 60


def test_sections_are_pieces_under_their_headings() -> None:
    found = cut(markdown(f"Before.\n\n# A\n\n{LONG}\n\n## B\n\n{LONG}\n\n# C\n\n{LONG}"))
    assert [path for path, _ in told(found)] == ["", "A", "A > B", "C"]
    assert found[2].text.startswith("## B\n\nWords")


def test_small_sections_of_one_parent_share_a_piece() -> None:
    found = cut(markdown("# A\n\n## B\n\none\n\n## C\n\ntwo\n\n# D\n\nthree"))
    assert told(found) == [("A", "# A\n\n## B\n\none\n\n## C\n\ntwo"), ("D", "# D\n\nthree")]


def test_no_piece_runs_over_a_page() -> None:
    blocks = [Block(what="paragraph", text=f"line {at}", page=1 + at // 2) for at in range(6)]
    assert [(piece.page, piece.text) for piece in cut(document(*blocks))] == [
        (1, "line 0\n\nline 1"),
        (2, "line 2\n\nline 3"),
        (3, "line 4\n\nline 5"),
    ]


def test_code_is_kept_whole_or_cut_between_lines() -> None:
    lines = [f"line_{at} = {at}" for at in range(60)]
    code = "\n".join(["```python", *lines, "```"])
    (whole,) = cut(markdown(code))
    assert whole.text == code
    parts = cut(markdown(code), size=60)
    assert len(parts) > 2
    assert all(set(piece.text.split("\n")) <= {*lines, "```python", "```"} for piece in parts)


def test_a_part_of_a_table_knows_its_columns() -> None:
    rows = "\n".join([f"| {at} | {at * 2} |" for at in range(200)])
    first, *rest = cut(markdown(f"# T\n\n| n | twice |\n| --- | --- |\n{rows}"), size=100)
    assert first.text.startswith("# T\n\n| n | twice |")
    assert len(rest) > 3
    assert all(piece.context == "T\n| n | twice |" for piece in rest)
    assert all(line.startswith("| ") and line.endswith(" |") for piece in rest for line in piece.text.split("\n"))


def test_long_words_are_cut_between_sentences() -> None:
    found = cut(document(Block(what="paragraph", text=LONG.strip())), size=40)
    assert len(found) > 5
    assert all(piece.text.endswith("go on.") for piece in found)
    (one, *_) = cut(document(Block(what="code", text="x" * 10_000)), size=100)
    assert estimate(one.text) <= 100


_BLOCKS = st.builds(
    Block,
    what=st.sampled_from(["heading", "paragraph", "item", "table", "code", "note"]),
    text=st.text(st.sampled_from("ab |#.\n"), min_size=1, max_size=400).filter(str.strip),
    page=st.sampled_from([None, 1, 2]),
    level=st.integers(1, 3),
)


@given(st.lists(_BLOCKS, max_size=12), st.integers(20, 60))
def test_each_piece_is_a_slice_and_nothing_is_lost(blocks: list[Block], size: int) -> None:
    whole = document(*blocks)
    pieces = cut(whole, size)
    for piece in pieces:
        assert whole.text[piece.start : piece.stop] == piece.text
        assert piece.text.strip()
        assert estimate(piece.text) <= 2 * size + size // 4 + 2
    for before, after in pairwise(pieces):
        assert before.stop <= after.start
        assert not whole.text[before.stop : after.start].strip()
    assert sum(len("".join(piece.text.split())) for piece in pieces) == len("".join(whole.text.split()))
