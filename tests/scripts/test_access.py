"""Whom the commands talk to, and as whom."""

import stat
from pathlib import Path

import pytest

from scripts import access
from scripts.access import Access
from scripts.refusal import Refusal

LOGIN = Access("https://fleet.example.org", "login-key", "")
LOCAL = Access("http://127.0.0.1:7001", "local-key", "")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment without anything, in an empty folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return {"SEGFLEET_HOME": str(tmp_path / "home")}


def found(environment: dict[str, str]) -> tuple[str, str]:
    """Address and token."""
    way = access.find(environment)
    return way.url, way.token


def test_with_nothing_at_all_it_is_the_default_address_as_nobody(home: dict[str, str]) -> None:
    assert found(home) == (access.DEFAULT_URL, "")


def test_a_local_fleet_counts_when_nobody_has_logged_in(home: dict[str, str]) -> None:
    access.keep(access.cli_path(home), LOCAL)
    assert found(home) == (LOCAL.url, LOCAL.token)


def test_a_login_counts_more_than_a_local_fleet_and_the_environment_more_than_both(home: dict[str, str]) -> None:
    access.keep(access.cli_path(home), LOCAL)
    access.keep(access.login_path(), LOGIN)
    assert found(home) == (LOGIN.url, LOGIN.token)
    told = {"SEGFLEET_URL": "http://10.0.0.1:6001/", "SEGFLEET_TOKEN": "t"}
    assert found(home | told) == ("http://10.0.0.1:6001", "t")


def test_a_kept_token_is_not_sent_to_another_address(home: dict[str, str]) -> None:
    access.keep(access.cli_path(home), LOCAL)
    access.keep(access.login_path(), LOGIN)
    assert found(home | {"SEGFLEET_URL": "http://10.0.0.1:6001"}) == ("http://10.0.0.1:6001", "")
    assert found(home | {"SEGFLEET_URL": LOCAL.url}) == (LOCAL.url, LOCAL.token)


def test_a_token_without_an_address_goes_where_the_login_went(home: dict[str, str]) -> None:
    access.keep(access.login_path(), LOGIN)
    assert found(home | {"SEGFLEET_TOKEN": "t"}) == (LOGIN.url, "t")


def test_the_home_of_the_settings_file_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SEGFLEET_HOME=elsewhere\n")
    access.keep(tmp_path / "elsewhere" / "cli.json", LOCAL)
    assert found({}) == (LOCAL.url, LOCAL.token)


def test_what_is_kept_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "login.json"
    access.keep(path, LOGIN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [child.name for child in path.parent.iterdir()] == ["login.json"]


def test_a_damaged_file_is_said_to_be_one(home: dict[str, str]) -> None:
    access.keep(access.login_path(), LOGIN)
    access.login_path().write_text("{")
    with pytest.raises(Refusal, match=r"login\.json cannot be read"):
        access.find(home)
