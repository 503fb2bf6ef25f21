import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.settings import Settings, SettingsError, from_environment
from protocol.keys import KEYS

ROOT = Path(__file__).resolve().parents[2]
STRONG = {"JWT_SECRET": "j" * 32, "INTERFACE_IDENTIFICATION": "c" * 16}


def read(directory: Path, **environment: str) -> Settings:
    return from_environment(environment=environment, directory=directory)


def test_without_a_file_and_an_environment_the_documented_defaults_count(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert (settings.api_host, settings.api_port) == ("127.0.0.1", 6001)
    assert settings.database_url == f"sqlite:///{tmp_path}/var/segfleet.db"
    assert settings.upload_videos_dir == tmp_path / "var" / "uploads" / "videos"
    assert settings.upload_file_size_limit == 100 * 1024 * 1024
    assert settings.jwt_expires_in == 7 * 86_400
    assert settings.task_timeout == 300
    assert settings.api_base_url == "http://127.0.0.1:6001"
    assert (settings.interface_approval, settings.registration) == ("auto", "open")


def test_production_closes_what_development_opens(tmp_path: Path) -> None:
    settings = read(tmp_path, NODE_ENV="production")
    assert (settings.interface_approval, settings.registration) == ("manual", "closed")


def test_options_win_over_the_environment_and_it_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("API_PORT=1000\nMAX_WORKERS=3\nLEASE_S=7\n")
    settings = from_environment(
        {"API_PORT": "3000", "LEASE_S": None}, environment={"API_PORT": "2000", "MAX_WORKERS": "4"}, directory=tmp_path
    )
    assert (settings.api_port, settings.max_workers, settings.lease_s) == (3000, 4, 7)


def test_node_env_chooses_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("API_PORT=1000\n")
    (tmp_path / ".env.production").write_text("NODE_ENV=production\nPORT=2000\n")
    assert read(tmp_path).api_port == 1000
    assert read(tmp_path, NODE_ENV="production").api_port == 2000


def test_port_is_another_name_of_api_port_and_the_nearer_source_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("API_PORT=1000\n")
    assert read(tmp_path, PORT="2000").api_port == 2000
    assert read(tmp_path, PORT="2000", API_PORT="3000").api_port == 3000


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"NODE_ENV": "staging"}, "NODE_ENV must be development or production"),
        ({"API_PORT": "tcp://10.0.0.1:80"}, "API_PORT is 'tcp://10.0.0.1:80', which Kubernetes sets"),
        ({"PORT": "tcp://10.0.0.1:80"}, "PORT is 'tcp://10.0.0.1:80', which Kubernetes sets"),
        ({"DB_PORT": "tcp://10.0.0.1:80"}, "DB_PORT is"),
        ({"API_PORT": "http"}, "API_PORT 'http' is not valid"),
        ({"API_PORT": "70000"}, "API_PORT '70000' is not valid"),
        ({"API_DEBUG": "maybe"}, "API_DEBUG 'maybe' is not valid: must be true or false"),
        ({"API_DEBUG": "true", "NODE_ENV": "production"}, "API_DEBUG must not be true"),
        ({"JWT_EXPIRES_IN": "7 weeks"}, "must be seconds, or a number with s, m, h or d"),
        ({"UPLOAD_FILE_SIZE_LIMIT": "inf"}, "UPLOAD_FILE_SIZE_LIMIT 'inf' is not valid: must be a number of MB"),
        ({"TASK_TIMEOUT": "soon"}, "TASK_TIMEOUT 'soon' is not valid: must be a number of milliseconds"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL 'LOUD' is not valid"),
        ({"FRONTEND_URL": "https://a.example/path"}, "is no origin such as"),
        ({"FRONTEND_URL": "*"}, "is no origin such as"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "has host bits set"),
        ({"RATE_LIMIT": "many"}, "must be a number per time such as 600/minute"),
        ({"UPLOAD_URL_PATH": "../x"}, "UPLOAD_URL_PATH '../x' is not valid"),
        ({"DATABASE_URL": "oracle://secret@x/y"}, "the dialect must be sqlite, postgresql or mysql"),
        ({"DB_HOST": "db", "DB_DIALECT": "db2"}, "DB_DIALECT must be mysql or postgresql, not 'db2'."),
        ({"DB_HOST": "db", "DB_PORT": "x"}, "DB_PORT must be a port number, not 'x'."),
        ({"ADMIN_PASSWORD": "short"}, "ADMIN_PASSWORD must have 12 to 256 bytes."),
        ({"ADMIN_USERNAME": "x"}, "ADMIN_USERNAME 'x' is not valid"),
        ({"DEFAULT_MODEL": "../etc"}, "DEFAULT_MODEL '../etc' is not valid"),
    ],
)
def test_a_wrong_value_is_one_sentence(tmp_path: Path, environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(tmp_path, **environment)
    said = str(raised.value)
    assert sentence in said
    assert "\n" not in said
    assert said.endswith(".")
    assert "secret@" not in said


@pytest.mark.parametrize("name", [".env", ".env.production"])
def test_an_unknown_key_in_the_file_stops_the_start(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("LEASE_SECONDS=3\n")
    environment = {"NODE_ENV": "production"} if name != ".env" else {}
    with pytest.raises(SettingsError, match=f"{name} has the unknown key LEASE_SECONDS"):
        read(tmp_path, **environment)


def test_a_file_that_names_the_other_environment_is_explained(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NODE_ENV=production\n")
    with pytest.raises(SettingsError, match="NODE_ENV chooses which file is read"):
        read(tmp_path)


@pytest.mark.parametrize("node_env", ["development", "production"])
@pytest.mark.parametrize(
    ("weak", "sentence"),
    [
        ({"JWT_SECRET": "your-secret-key"}, "JWT_SECRET is the documented default"),
        ({"JWT_SECRET": "j" * 31}, "JWT_SECRET has fewer than 32 bytes"),
        ({"INTERFACE_IDENTIFICATION": "wingerboy"}, "INTERFACE_IDENTIFICATION is the documented default"),
        ({"INTERFACE_IDENTIFICATION": "c" * 15}, "INTERFACE_IDENTIFICATION has fewer than 16 bytes"),
        ({"METRICS_TOKEN": "m" * 31}, "METRICS_TOKEN has fewer than 32 bytes"),
    ],
)
def test_a_weak_secret_is_for_loopback_only(tmp_path: Path, node_env: str, weak: dict[str, str], sentence: str) -> None:
    environment = {**STRONG, **weak, "NODE_ENV": node_env}
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert read(tmp_path, **environment, API_HOST=host).on_loopback
    for host in ("0.0.0.0", "::", "192.168.1.5", "gpu.example.org"):
        with pytest.raises(SettingsError) as raised:
            read(tmp_path, **environment, API_HOST=host)
        assert str(raised.value).startswith(sentence)
        assert "j" * 31 not in str(raised.value)
    assert read(tmp_path, **STRONG, NODE_ENV=node_env, API_HOST="0.0.0.0").api_host == "0.0.0.0"


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({"DB_HOST": "db", "DB_PASSWORD": "p@ss/word"}, "mysql+pymysql://root:p%40ss%2Fword@db/video_segment"),
        (
            {"DB_HOST": "db", "DB_DIALECT": "postgresql", "DB_PORT": "5433"},
            "postgresql+psycopg://root@db:5433/video_segment",
        ),
        ({"DATABASE_URL": "postgres://u:p@h/n", "DB_HOST": "db"}, "postgresql+psycopg://u:p@h/n"),
        ({"DATABASE_URL": "mariadb://u:p@h/n"}, "mysql+pymysql://u:p@h/n"),
        ({"DATABASE_URL": "sqlite:////tmp/x.db"}, "sqlite:////tmp/x.db"),
    ],
)
def test_the_database_is_database_url_or_else_db_host_or_else_a_file(
    tmp_path: Path, environment: dict[str, str], url: str
) -> None:
    assert read(tmp_path, **environment).database_url == url


def test_relative_directories_lie_under_home_and_absolute_ones_where_they_say(tmp_path: Path) -> None:
    settings = read(tmp_path, SEGFLEET_HOME="data", UPLOAD_VIDEOS_DIR="v", UPLOAD_BACKGROUNDS_DIR="/srv/b")
    assert settings.upload_videos_dir == tmp_path / "data" / "v"
    assert settings.upload_backgrounds_dir == Path("/srv/b")


def test_the_printed_form_shows_no_secret(tmp_path: Path) -> None:
    shown = repr(
        read(tmp_path, **STRONG, ADMIN_PASSWORD="a" * 20, METRICS_TOKEN="m" * 40, DB_HOST="h", DB_PASSWORD="pw")
    )
    for secret in ("j" * 32, "c" * 16, "a" * 20, "m" * 40, "pw"):
        assert secret not in shown


@given(st.sampled_from(sorted(KEYS)), st.text(max_size=20).filter(lambda text: "\x00" not in text))
def test_no_value_ends_in_anything_but_settings_or_a_sentence(name: str, value: str) -> None:
    outcome = read_or_sentence(name, value)
    assert isinstance(outcome, Settings) or outcome.endswith(".")


def read_or_sentence(name: str, value: str) -> Settings | str:
    try:
        return read(ROOT / "coordinator", **{name: value})
    except SettingsError as error:
        return str(error)


def test_the_committed_env_file_is_accepted_and_names_the_documented_defaults(tmp_path: Path) -> None:
    committed = from_environment(environment={"SEGFLEET_HOME": str(tmp_path)}, directory=ROOT)
    defaults = from_environment(environment={"SEGFLEET_HOME": str(tmp_path)}, directory=tmp_path)
    assert committed == defaults


@pytest.mark.parametrize("kind", ["postgresql+psycopg", "mysql+pymysql"])
def test_a_database_that_is_not_there_ends_the_program_with_one_line(tmp_path: Path, kind: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "coordinator"],
        cwd=tmp_path,
        env={**os.environ, "DATABASE_URL": f"{kind}://nobody:hunter22@127.0.0.1:1/none", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 3
    assert ended.stderr.startswith("The database cannot be reached: ")
    assert ended.stderr.count("\n") == 1
    assert "hunter22" not in ended.stderr


def test_a_wrong_setting_ends_the_program_with_one_line_and_code_2(tmp_path: Path) -> None:
    for command in (["-m", "coordinator"], ["-m", "uvicorn", "--factory", "coordinator.app:from_environment"]):
        ended = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={**os.environ, "API_PORT": "tcp://10.0.0.1:80", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == 2
        assert ended.stderr.count("\n") == 1
        assert "Kubernetes" in ended.stderr
