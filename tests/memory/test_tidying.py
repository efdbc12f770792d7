"""Order among memories, as properties: nothing is lost that was not told twice, whatever is told in which order."""

from hypothesis import given
from hypothesis import strategies as st

from weft.memory.index import Shelved, best
from weft.memory.tidying import FAINT, HALF_LIFE, plan
from weft.storage.memory_rows import Mark, MemoryRow, News, Placed, Shelf, Trust

WORDS = st.lists(
    st.sampled_from(["Ada", "likes", "tea", "Teas", "not", "Bob", "never", "the", "in", "May", "7", "8"]), max_size=6
)
TRUST: st.SearchStrategy[Trust] = st.sampled_from(["person", "agent", "tool"])


@st.composite
def placed(draw: st.DrawFn, n: int) -> Placed:
    row = MemoryRow(
        id=f"m{n}",
        text=" ".join(["x", *draw(WORDS)]),
        subject=draw(st.sampled_from(["", "ada"])),
        valid_from=1.0,
        known_from=draw(st.floats(0, 100)),
        trust=draw(TRUST),
        pinned=draw(st.booleans()),
        importance=draw(st.floats(0, 1)),
        expires_at=draw(st.sampled_from([None, 50.0])),
        digest=b"",
    )
    return Placed(n=n, shelf=Shelf(user=draw(st.sampled_from(["ada", None]))), row=row)


@st.composite
def known(draw: st.DrawFn) -> list[Placed]:
    return [draw(placed(n)) for n in range(draw(st.integers(0, 12)))]


@given(known(), st.randoms())
def test_a_plan_is_the_same_in_every_order(rows: list[Placed], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def told(given: list[Placed]) -> tuple[set[tuple[str, ...]], set[str]]:
        made = plan(given, 100.0)
        return {(m.kept.id, *sorted(o.id for o in m.others)) for m in made.merges}, {p.row.id for p in made.faded}

    assert told(rows) == told(shuffled)


@given(known())
def test_one_of_each_stays_with_its_denials_numbers_and_owner(rows: list[Placed]) -> None:
    made = plan(rows, 100.0)
    shelves = {each.row.id: each.shelf for each in rows}
    for merge in made.merges:
        for other in merge.others:
            assert shelves[other.id] == shelves[merge.kept.id] == merge.shelf
            for word in ("not", "never", "7", "8", "Bob"):
                assert (word in other.text.split()) == (word in merge.kept.text.split())
        assert merge.kept.pinned or not any(other.pinned for other in merge.others)
    gone = [other.id for merge in made.merges for other in merge.others]
    assert len(gone) == len(set(gone))
    assert not {merge.kept.id for merge in made.merges} & set(gone)


@given(known(), st.floats(0, 1_000 * 86_400.0))
def test_what_a_person_said_or_pinned_never_fades(rows: list[Placed], later: float) -> None:
    now = 100.0 + later
    for each in plan(rows, now).faded:
        row = each.row
        assert row.trust != "person"
        assert not row.pinned
        assert row.importance * 0.5 ** ((now - row.known_from) / HALF_LIFE) < FAINT


def test_neighbours_count_where_they_explain_each_other() -> None:
    texts = ["Where did you go?", "To the lake.", "I bought shoes.", "A lake is wet."]
    rows = [MemoryRow(id=str(n), text=text, valid_from=n, known_from=n, digest=b"") for n, text in enumerate(texts)]
    found: dict[float, list[str]] = {}
    for near in (0.0, 0.4):
        shelf = Shelved(near)
        shelf.apply(News(mark=Mark(1), whole=True, rows=list(enumerate(rows, 1))))
        hits = best([shelf], "lake", None, limit=4, valid_at=1e9, known_at=1e9)
        assert all(0 <= score <= 1 for score, _ in hits)
        found[near] = [row.id for _, row in hits]
    assert set(found[0.0]) == {"1", "3"}
    assert set(found[0.4]) == {"0", "1", "2", "3"}
    assert set(found[0.4][:2]) == {"1", "3"}
