"""Settings: who overrides whom, and what is refused in one sentence."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from runtime.config import DEFAULT_FILE, ServerConfig, load
from runtime.errors import BadInput


def test_the_default_file_holds_the_defaults_and_nothing_else() -> None:
    assert load({}, {}, DEFAULT_FILE) == ServerConfig()
    assert set(yaml.safe_load(DEFAULT_FILE.read_text())) == {f.name for f in dataclasses.fields(ServerConfig)}


def test_command_line_over_environment_over_file_over_default(tmp_path: Path) -> None:
    file = tmp_path / "serve.yaml"
    file.write_text("port: 9001\nfps: 25\nmax_sessions: 2\n")
    config = load({"port": "9003", "host": None}, {"MIEN_PORT": "9002", "MIEN_FPS": "24"}, file)
    assert (config.port, config.fps, config.max_sessions, config.host) == (9003, 24.0, 2, "127.0.0.1")


def test_lists_may_be_written_with_commas() -> None:
    config = load({}, {"MIEN_ALLOW_ORIGIN": "https://a.example, https://b.example"})
    assert config.allow_origin == ("https://a.example", "https://b.example")


def test_a_misspelt_variable_is_refused_and_a_strange_one_is_none_of_ours() -> None:
    with pytest.raises(BadInput, match="MIEN_MAX_SESSION: unknown key 'max_session'; did you mean 'max_sessions'"):
        load({}, {"MIEN_MAX_SESSION": "3"})
    assert load({}, {"MIEN_DATA": "/data", "MINE_PORT": "1"}) == ServerConfig()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("prot: 8080", "unknown key 'prot'; did you mean 'port'?"),
        ("port: many", "'port' cannot be 'many'"),
        ("port: 80.5", "'port' cannot be 80.5"),
        ("port: 99999", "port must be 1 to 65535"),
        ("fps: .nan", "'fps' cannot be nan"),
        ("fps: 500", "fps must be 1 to 120"),
        ("token: 12", "'token' must be a text"),
        ("host: no such host", "host must be an address"),
        ("host: 0.0.0.0", "set a token with --token, or say --open"),
        ("allow_host: http://mien.example", "allow_host takes names"),
        ("trusted_proxies: [10.0.0.0/40]", "trusted_proxies takes addresses or networks"),
        ("token: ''", "the token is empty"),
        ("allow_orgin: x", "unknown key 'allow_orgin'; did you mean 'allow_origin'?"),
        ("log_level: loud", "log_level must be one of"),
        ("- port", "must hold 'key: value' lines"),
        ("port: [", "not valid YAML"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(content: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "serve.yaml"
    file.write_text(content)
    with pytest.raises(BadInput) as error:
        load({}, {}, file)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read the config file"):
        load({}, {}, tmp_path / "none.yaml")


def test_beyond_loopback_a_token_or_open_is_needed() -> None:
    for host in ("0.0.0.0", "192.0.2.7", "::"):
        with pytest.raises(BadInput, match="--token, or say --open"):
            load({"host": host}, {})
        assert not load({"host": host, "open": True}, {}).loopback
        assert load({"host": host}, {"MIEN_TOKEN": "sesame"}).token == "sesame"
    for host in ("localhost", "127.0.0.1", "127.8.9.1", "::1"):
        assert load({"host": host}, {}).loopback


def test_the_token_is_not_shown() -> None:
    assert ServerConfig(token="secret").shown()["token"] == "***"
