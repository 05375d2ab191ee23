"""Where settings come from, and what is said when one is missing or wrong."""

import json
from pathlib import Path
from threading import Thread

import pytest

from streams.kafka import access_config
from streams.local.state import StateFolder
from streams.settings import (
    STORES,
    Settings,
    SettingsError,
    identity_fingerprint,
    identity_key,
    load_settings,
    read_settings,
)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"FINEACERS_{name.upper()}", raising=False)
    monkeypatch.setenv("FINEACERS_STATE_DIR", str(tmp_path))


def test_environment_wins_over_the_local_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = {"kafka_bootstrap": "127.0.0.1:1", "postgres_host": "127.0.0.1", "clickhouse_url": "http://127.0.0.1:3"}
    (tmp_path / "services.json").write_text(json.dumps(stored))
    assert load_settings().kafka_bootstrap == "127.0.0.1:1"
    monkeypatch.setenv("FINEACERS_KAFKA_BOOTSTRAP", "kafka.example:9092")
    assert load_settings().kafka_bootstrap == "kafka.example:9092"


def test_a_password_of_kafka_goes_by_tls_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEACERS_KAFKA_BOOTSTRAP", "kafka.example:9092")
    assert access_config(read_settings()) == {"bootstrap.servers": "kafka.example:9092"}
    monkeypatch.setenv("FINEACERS_KAFKA_USERNAME", "platform")
    monkeypatch.setenv("FINEACERS_KAFKA_PASSWORD", "hunter2")
    with pytest.raises(SettingsError, match="set FINEACERS_KAFKA_TLS=true"):
        read_settings()
    monkeypatch.setenv("FINEACERS_KAFKA_TLS", "true")
    settings = read_settings()
    assert access_config(settings) == {
        "bootstrap.servers": "kafka.example:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "platform",
        "sasl.password": "hunter2",
    }
    assert not any("hunter2" in one["value"] for one in settings.shown())


def test_a_home_folder_that_no_shell_put_in_place_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FINEACERS_STATE_DIR", "~/state")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "services.json").write_text('{"kafka_bootstrap": "127.0.0.1:1"}')
    settings = load_settings("kafka")
    assert settings.kafka_bootstrap == "127.0.0.1:1"
    identity_key(settings)
    assert (tmp_path / "state" / "identity.key").exists()
    assert StateFolder(settings.state_dir).path == tmp_path / "state" == read_settings(state_dir="~/state").state_dir


def test_a_home_folder_of_nobody_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEACERS_STATE_DIR", "~nobody-at-all/state")
    with pytest.raises(SettingsError, match="FINEACERS_STATE_DIR: ~nobody-at-all/state is in no known home folder"):
        read_settings()


@pytest.mark.parametrize("store", STORES)
def test_a_missing_address_names_the_variable(store: str) -> None:
    with pytest.raises(SettingsError, match=r"run `fineacers up` or set FINEACERS_[A-Z_]+$"):
        load_settings(store)  # type: ignore[arg-type]


def test_a_bad_value_names_the_variable_and_hides_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEACERS_POSTGRES_PORT", "hunter2")
    with pytest.raises(SettingsError, match="FINEACERS_POSTGRES_PORT") as error:
        read_settings()
    assert "hunter2" not in str(error.value)


def test_passwords_in_an_address_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEACERS_CLICKHOUSE_URL", "http://user:hunter2@ch.example:8123")
    with pytest.raises(SettingsError, match="must not carry") as error:
        read_settings()
    assert "hunter2" not in str(error.value)


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "services.json").write_text("{")
    with pytest.raises(SettingsError, match=r"services\.json.*fineacers up"):
        read_settings()


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_the_identity_key_is_drawn_once_even_by_many_at_once(tmp_path: Path) -> None:
    settings = read_settings(state_dir=tmp_path / "new")
    keys: list[bytes] = []
    threads = [Thread(target=lambda: keys.append(identity_key(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1 == len({identity_fingerprint(key) for key in keys})
    file = tmp_path / "new" / "identity.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["identity.key"]


def test_a_given_identity_key_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEACERS_IDENTITY_KEY", "ab" * 32)
    assert identity_key(read_settings()) == b"\xab" * 32
    monkeypatch.setenv("FINEACERS_IDENTITY_KEY", "ab")
    with pytest.raises(SettingsError, match="64 hexadecimal digits"):
        identity_key(read_settings())


def test_ports_and_passwords_are_chosen_once(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.create()
    folder.assign(read_settings(state_dir=folder.path), STORES)
    first = folder.services()
    folder.assign(read_settings(state_dir=tmp_path / "elsewhere"), STORES)
    assert folder.services() == first
    ports = [value for name, value in first.items() if name.endswith("_port")]
    assert len(set(ports)) == 5  # Kafka's two, PostgreSQL's, ClickHouse's, the gateway's
    assert (folder.path / "services.json").stat().st_mode & 0o777 == 0o600
