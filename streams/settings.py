"""Every setting of the platform, in one place, with where it comes from.

A value is taken from the environment (`FINEACERS_<NAME>`), else from `services.json`, the file that `fineacers up`
writes into the state folder, else from the default below. So the same code runs against the servers on this machine
and against servers elsewhere.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "FINEACERS_"
SERVICES_FILE = "services.json"
STORES = ("kafka", "postgres", "clickhouse")
Store = Literal["kafka", "postgres", "clickhouse"]
PostgresRole = Literal["admin", "sink", "reader"]
ClickHouseUser = Literal["sink", "reader"]

_ADDRESS_OF = {"kafka": "kafka_bootstrap", "postgres": "postgres_host", "clickhouse": "clickhouse_url"}


class SettingsError(Exception):
    """A setting is missing or wrong; the message says which one and what to do."""


def _folder(path: str | Path) -> Path:
    """A folder as it is meant: no shell has replaced the ~ of a .env file, a quoted text or a unit file."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise SettingsError(f"{PREFIX}STATE_DIR: {path} is in no known home folder; write the whole path") from None


class Settings(BaseSettings):
    """The settings of one process, read once and never changed."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    state_dir: Annotated[Path, AfterValidator(_folder)] = Field(
        Path(".fineacers"), description="Folder of everything this machine keeps"
    )
    cache_dir: Path = Field(
        Path("~/.cache/fineacers"), description="Downloads that several state folders share (the broker's jars)"
    )
    maven_repository: str | None = Field(
        None, description="Base address to download the broker's jars from, in place of the usual one"
    )

    kafka_bootstrap: str | None = Field(None, description="Kafka brokers, host:port, comma-separated")
    kafka_tls: bool = Field(False, description="Whether Kafka is spoken to by TLS")
    kafka_ca: Path | None = Field(
        None, description="File of the certificates by which Kafka's are trusted; default: the system's"
    )
    kafka_username: str | None = Field(None, description="User of Kafka (SASL, by TLS only); default: nobody logs in")
    kafka_password: SecretStr | None = Field(None, description="Password of that user")
    kafka_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="How that user proves to be the one"
    )
    postgres_host: str | None = Field(None, description="PostgreSQL host")
    postgres_port: int = Field(5432, description="PostgreSQL port", ge=1, le=65535)
    postgres_database: str = Field("fineacers", description="PostgreSQL database", pattern=r"^[a-z_][a-z0-9_]*$")
    clickhouse_url: str | None = Field(None, description="ClickHouse HTTP address, without user or password")
    clickhouse_database: str = Field("fineacers", description="ClickHouse database", pattern=r"^[a-z_][a-z0-9_]*$")

    postgres_admin_password: SecretStr | None = Field(None, description="Password of fineacers_admin, the owner")
    postgres_sink_password: SecretStr | None = Field(None, description="Password of fineacers_sink in PostgreSQL")
    postgres_reader_password: SecretStr | None = Field(None, description="Password of fineacers_reader in PostgreSQL")
    clickhouse_sink_password: SecretStr | None = Field(None, description="Password of fineacers_sink in ClickHouse")
    clickhouse_reader_password: SecretStr | None = Field(
        None, description="Password of fineacers_reader in ClickHouse (read only)"
    )
    identity_key: SecretStr | None = Field(
        None,
        description="Key of the identifier hashes, 64 hexadecimal digits; default: identity.key in the state folder",
    )

    webhooks: SecretStr | None = Field(
        None, description="Addresses of webhooks, which are secrets, by the names that policies give them, as JSON"
    )
    webhook_signing_key: SecretStr | None = Field(None, description="Key by which receivers tell our posts from others")

    gateway_host: str = Field("127.0.0.1", description="Address that the gateway listens on")
    gateway_port: int = Field(6080, description="Port that the gateway listens on", ge=1, le=65535)
    gateway_url: str | None = Field(
        None,
        description="Where the world reaches the gateway, for links in messages; default: as it listens",
        pattern=r"^https?://[^/?#@]+[^?#@]*$",
    )

    commit_interval_ms: int = Field(
        100, description="A stage that keeps up commits so many milliseconds after its last commit", ge=1
    )
    partitions: int | None = Field(
        None,
        description="Partitions of topics by key, from the first `migrate` on: as many processes can share a stage; "
        "default: as `fineacers topics` says",
        ge=1,
        le=1_000,
    )
    batch_records: int = Field(2000, description="A stage commits after so many records", ge=1)
    metrics_port: int | None = Field(
        None, description="Port of a worker's /metrics and /ready; default: first free one from 6066", ge=1, le=65535
    )
    tick_seconds: float = Field(1.0, description="Seconds between two ticks of a partition", gt=0)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over what the local stack wrote."""
        return init_settings, env_settings, _LocalStack(settings_cls)

    def model_post_init(self, _context: Any, /) -> None:
        """Refuse a password inside an address, for addresses are printed and logged, and one that all could read."""
        if self.clickhouse_url is not None and "@" in urlsplit(self.clickhouse_url).netloc:
            raise SettingsError(
                f"{PREFIX}CLICKHOUSE_URL must not carry a password; set {PREFIX}CLICKHOUSE_SINK_PASSWORD instead"
            )
        if self.kafka_username is not None and not self.kafka_tls:
            raise SettingsError(f"{PREFIX}KAFKA_USERNAME: a password goes by TLS only; set {PREFIX}KAFKA_TLS=true")

    @property
    def gateway_address(self) -> str:
        """Where the gateway listens, seen from its own machine."""
        return f"http://{self.gateway_host}:{self.gateway_port}"

    def shown(self) -> Iterator[dict[str, str]]:
        """Every setting: ``name`` of its variable, ``value`` (empty: none; secrets are not told) and ``meaning``."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            text = "" if value is None else "(set)" if isinstance(value, SecretStr) else str(value)
            yield {"name": PREFIX + name.upper(), "value": text, "meaning": field.description or ""}

    def need(self, name: str) -> str:
        """The value of a setting that may be missing, secrets in clear.

        Raises:
            SettingsError: it is missing.
        """
        value = getattr(self, name)
        if value is None:
            raise SettingsError(f"no {name.replace('_', ' ')}: run `fineacers up` or set {PREFIX}{name.upper()}")
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)

    def postgres(self, role: PostgresRole) -> dict[str, Any]:
        """Keyword arguments of `psycopg.connect` for one of the three login roles."""
        return {
            "host": self.need("postgres_host"),
            "port": self.postgres_port,
            "dbname": self.postgres_database,
            "user": f"fineacers_{role}",
            "password": self.need(f"postgres_{role}_password"),
        }

    def clickhouse(self, user: ClickHouseUser) -> dict[str, Any]:
        """Keyword arguments of `clickhouse_connect.get_client` for one of the two users."""
        address = urlsplit(self.need("clickhouse_url"))
        return {
            "interface": address.scheme,
            "host": address.hostname,
            "port": address.port or (8443 if address.scheme == "https" else 8123),
            "username": f"fineacers_{user}",
            "password": self.need(f"clickhouse_{user}_password"),
            "database": self.clickhouse_database,
        }


class _LocalStack(PydanticBaseSettingsSource):
    """What `fineacers up` wrote into the state folder, if it ran."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError  # the whole file is read at once, in __call__

    def __call__(self) -> dict[str, Any]:
        folder = self.current_state.get("state_dir", Settings.model_fields["state_dir"].default)
        return read_services_file(_folder(folder))


def read_services_file(state_dir: Path) -> dict[str, Any]:
    """Addresses and passwords of the local stack in that state folder; empty if there is none.

    Raises:
        SettingsError: the file cannot be read or is no JSON object.
    """
    path = state_dir / SERVICES_FILE
    try:
        stored = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"cannot read {path}: {error}; `fineacers down` and `fineacers up` write it anew"
        ) from error
    if not isinstance(stored, dict):
        raise SettingsError(f"{path} is not a JSON object; `fineacers down` and `fineacers up` write it anew")
    return stored


def read_settings(**given: Any) -> Settings:
    """The settings, whether or not the addresses of the servers are known.

    Args:
        given: values that win over the environment, by field name.

    Raises:
        SettingsError: a value is malformed; names the variables, never a value.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = "; ".join(f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        raise SettingsError(f"bad settings: {wrong}") from None


def load_settings(*stores: Store, **given: Any) -> Settings:
    """The settings of a process that uses the named servers (default: all three).

    Raises:
        SettingsError: the address of one of them is unknown, or a value is malformed.
    """
    settings = read_settings(**given)
    for store in stores or STORES:
        settings.need(_ADDRESS_OF[store])
    return settings


def identity_key(settings: Settings) -> bytes:
    """The 32 bytes that every workspace's hashing key is derived from; drawn at the first call on this machine.

    Losing it makes every stored identifier hash meaningless, so an existing file is never overwritten.

    Raises:
        SettingsError: the key is not 64 hexadecimal digits.
    """
    if settings.identity_key is not None:
        return _key_bytes(settings.identity_key.get_secret_value(), f"{PREFIX}IDENTITY_KEY")
    path = settings.state_dir / "identity.key"
    if not path.exists():
        _draw(path)
    return _key_bytes(path.read_text().strip(), str(path))


def identity_fingerprint(key: bytes) -> str:
    """12 hexadecimal digits that tell two keys apart and give nothing away about them."""
    return hashlib.sha256(b"fineacers identity key\0" + key).hexdigest()[:12]


def _draw(path: Path) -> None:
    """Write a fresh key; when two processes draw at once, the first one's stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link appears complete or not at all, so that nobody reads half a key.
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def _key_bytes(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise SettingsError(f"{where} must be 64 hexadecimal digits (32 bytes)")
    return key
