"""A node reads its settings once and says in one sentence what is wrong with them."""

from pathlib import Path

import pytest

from interface_node.settings import NodeSettings, SettingsError, from_environment


def read(directory: Path, options: dict[str, str | None] | None = None, /, **environment: str) -> NodeSettings:
    """Settings of a process with just these variables; names resolve to a public address."""
    return from_environment(
        options, environment=environment, directory=directory, resolve=lambda host: [_ADDRESSES.get(host, "8.8.8.8")]
    )


_ADDRESSES = {"inside.example": "10.1.2.3"}


def test_defaults_make_a_node_of_the_coordinator_on_this_machine(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert settings.coordinator_url == "http://127.0.0.1:6001"
    assert (settings.node_port, settings.node_slots, settings.node_device) == (6002, 1, "auto")
    assert settings.node_address is None
    assert settings.node_home == tmp_path.resolve() / "var" / "node"
    assert settings.segfleet_cache.name == "segfleet"
    assert settings.node_name


def test_options_win_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NODE_SLOTS=2\nNODE_PORT=7001\nNODE_NAME=from-file\nAPI_PORT=6001\n")
    settings = read(tmp_path, {"NODE_SLOTS": "4", "NODE_PORT": None}, NODE_PORT="7002")
    assert (settings.node_slots, settings.node_port, settings.node_name) == (4, 7002, "from-file")


def test_production_reads_its_own_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NODE_NAME=development\n")
    (tmp_path / ".env.production").write_text("NODE_NAME=production\nNODE_ENV=production\n")
    assert read(tmp_path, NODE_ENV="production").node_name == "production"


def test_an_unknown_key_in_the_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NODE_SLOT=2\n")
    with pytest.raises(SettingsError, match=r"\.env has the unknown key NODE_SLOT"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("NODE_SLOTS", "many", "NODE_SLOTS 'many' is not valid"),
        ("NODE_SLOTS", "0", "NODE_SLOTS '0' is not valid"),
        ("NODE_PORT", "70000", "NODE_PORT '70000' is not valid"),
        ("NODE_PORT", "tcp://10.0.0.1:6002", "Kubernetes sets for a service"),
        ("NODE_DEVICE", "gpu", "auto, cpu, cuda, or cuda:0,1"),
        ("COORDINATOR_URL", "ftp://there", "COORDINATOR_URL 'ftp://there' is not valid"),
        ("COORDINATOR_URL", "http://user:pass@there", "plain http:// or https:// address"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL 'LOUD' is not valid"),
        ("NODE_ENV", "staging", "NODE_ENV must be development or production"),
        ("ALLOW_INSECURE_COORDINATOR", "maybe", "must be true or false"),
    ],
)
def test_a_malformed_value_stops_the_start_with_one_sentence(tmp_path: Path, name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, **{name: value})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_secret_is_not_repeated_in_the_sentence(tmp_path: Path) -> None:
    secret = "s" * 201
    with pytest.raises(SettingsError, match="INTERFACE_IDENTIFICATION is not valid") as caught:
        read(tmp_path, INTERFACE_IDENTIFICATION=secret)
    assert secret not in str(caught.value)
    assert "a string to keep" not in repr(read(tmp_path, INTERFACE_IDENTIFICATION="a string to keep"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:6001",
        "http://192.168.1.5:6001",
        "http://[::1]:6001",
        "http://coordinator:6001",
        "http://inside.example:6001",
        "https://public.example",
    ],
)
def test_production_takes_encrypted_or_private_coordinators(tmp_path: Path, url: str) -> None:
    assert read(tmp_path, NODE_ENV="production", COORDINATOR_URL=url).coordinator_url == url


def test_production_refuses_plain_http_to_a_public_address_unless_told(tmp_path: Path) -> None:
    public = {"NODE_ENV": "production", "COORDINATOR_URL": "http://public.example:6001"}
    with pytest.raises(SettingsError, match="plain http to a public address"):
        read(tmp_path, **public)
    assert read(tmp_path, **public, ALLOW_INSECURE_COORDINATOR="true").allow_insecure_coordinator
    assert read(tmp_path, COORDINATOR_URL="http://8.8.8.8:6001").node_env == "development"
