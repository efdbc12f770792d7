"""What ``FILE.py:name`` means."""

from pathlib import Path

import pytest

from weft.cli.loading import only_here, open_spec, split
from weft.errors import NotFound, UsageError

DESK = """
from weft import Agent, App
from weft.models.scripted import Scripted

writer = Agent("writer", model=Scripted(["w"]))
reader = Agent("the-reader", model=Scripted(["r"]))
also = writer
_hidden = Agent("hidden", model=Scripted(["h"]))
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk.py").write_text(DESK)
    return "desk.py"


def test_all_that_can_be_run_is_found_once(desk: str) -> None:
    opened = open_spec(desk)
    assert set(opened.app.targets()) == {"writer", "the-reader"}
    with pytest.raises(UsageError, match="the-reader, writer"):
        opened.one()


@pytest.mark.parametrize(("named", "target"), [("writer",) * 2, ("reader", "the-reader"), ("the-reader",) * 2])
def test_a_name_is_a_variable_or_a_target(desk: str, named: str, target: str) -> None:
    assert open_spec(f"{desk}:{named}").one() == target


def test_what_is_named_comes_first_and_the_others_are_there_too(desk: str) -> None:
    opened = open_spec(f"{desk}:reader")
    assert (opened.one(), list(opened.app.targets())) == ("the-reader", ["the-reader", "writer"])


def test_of_two_with_one_name_the_one_that_was_asked_for_counts(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(DESK.replace('Agent("the-reader"', 'Agent("writer", description="reads"'))
    opened = open_spec(f"{tmp_path / 'one.py'}:reader")
    assert opened.one() == "writer"
    assert opened.app.find("writer").description == "reads"  # type: ignore[attr-defined]  # it is an agent


APP = 'app = App(agents=[writer], store="sqlite:///mine.db", workspace="w", deps=[1])\n'


@pytest.mark.parametrize("model", [None, "demo"])
def test_an_app_that_names_no_store_is_where_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str | None
) -> None:
    monkeypatch.setenv("WEFT_STORE", "sqlite:///set.db")
    (tmp_path / "none.py").write_text(DESK + "app = App(agents=[writer])\n")
    (tmp_path / "mine.py").write_text(DESK + APP)
    assert open_spec(str(tmp_path / "none.py"), model=model).app.store_url == "sqlite:///set.db"
    assert open_spec(str(tmp_path / "none.py"), model=model, store="sqlite:///said.db").app.store_url.endswith(
        "said.db"
    )
    assert open_spec(str(tmp_path / "mine.py"), model=model).app.store_url == "sqlite:///mine.db"


def test_an_app_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(DESK + APP)
    for spec in ("mine.py", "mine.py:app", "mine.py:writer"):
        opened = open_spec(str(tmp_path / spec))
        assert (opened.one(), opened.app.store_url, opened.app.workspace) == ("writer", "sqlite:///mine.db", "w"), spec
        assert opened.app._deps == [1]
    opened = open_spec(f"{tmp_path / 'mine.py'}:app", store="sqlite:///other.db")
    assert (opened.app.store_url, opened.app._deps) == ("sqlite:///other.db", [1])
    opened = open_spec(f"{tmp_path / 'mine.py'}", model="demo")
    assert (opened.app.store_url, opened.app.workspace) == ("sqlite:///mine.db", "w")
    assert opened.app.find("writer").model == "demo"  # type: ignore[attr-defined]  # it is an agent
    opened = open_spec(f"{tmp_path / 'mine.py'}:reader")
    assert (opened.one(), opened.app.workspace) == ("the-reader", "default")


def test_another_model_may_be_asked_for(desk: str) -> None:
    app = open_spec(f"{desk}:writer", model="demo").app
    target = app.find("writer")
    assert target.model == "demo"  # type: ignore[attr-defined]  # it is an agent


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_it.py").write_text("NAME = 'from-next-door'")
    (tmp_path / "it.py").write_text("from weft import Agent\nimport neighbour_of_it\na = Agent(neighbour_of_it.NAME)")
    assert open_spec(str(tmp_path / "it.py")).one() == "from-next-door"


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        (None, NotFound, "no file"),
        ("x = (", UsageError, "SyntaxError"),
        ("x = 1\ny = z\n", UsageError, r"NameError.*line 2"),
        ("import no_such_module_anywhere", UsageError, "no_such_module_anywhere"),
        ("raise SystemExit(3)", UsageError, "SystemExit"),
        ("x = 1", UsageError, "no agent"),
    ],
)
def test_what_cannot_be_used_says_why(tmp_path: Path, text: str | None, error: type[Exception], words: str) -> None:
    path = tmp_path / "bad.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(error, match=words):
        open_spec(str(path))


def test_a_wrong_name_says_what_there_is(desk: str) -> None:
    with pytest.raises(NotFound, match="writer"):
        open_spec(f"{desk}:nobody")


def test_windows_drives_are_no_names() -> None:
    assert split("C:/desk.py") == (Path("C:/desk.py"), None)


def test_the_only_file_here_need_not_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.py").write_text("weft = 1\n")
    with pytest.raises(UsageError, match="no Python file here"):
        only_here()
    (tmp_path / "desk.py").write_text("from weft import Agent\n")
    assert only_here() == "desk.py"
    (tmp_path / "more.py").write_text("import weft\n")
    with pytest.raises(UsageError, match=r"desk\.py, more\.py"):
        only_here()
