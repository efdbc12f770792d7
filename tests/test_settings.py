"""The environment, read once."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from weft.settings import Settings


def test_the_defaults_are_safe() -> None:
    settings = Settings(_env_file=None)
    assert (settings.host, settings.cors, settings.hosts) == ("127.0.0.1", (), ())
    assert settings.store == "sqlite:///weft.db"


def test_variables_and_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WEFT_STORE=sqlite:///other.db\nWEFT_PORT=5000\nUNRELATED=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEFT_PORT", "6000")
    monkeypatch.setenv("WEFT_CORS", "https://a.example, https://b.example,")
    settings = Settings()
    assert (settings.store, settings.port) == ("sqlite:///other.db", 6000)
    assert settings.cors == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    "wrong", [{"port": 70_000}, {"root_path": "weft"}, {"root_path": "/weft/"}, {"workspace": "../x"}, {"max_body": 0}]
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(_env_file=None, **wrong)  # type: ignore[arg-type]  # wrong on purpose
