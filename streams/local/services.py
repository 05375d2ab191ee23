"""The services of a full stack: three stores, then the platform's own processes, in their order."""

import sys
from collections.abc import Callable, Mapping
from functools import partial

from streams.local.kafka import kafka_service
from streams.local.postgres import postgres_service
from streams.local.service import STANDS_BACK, Service, answers_http
from streams.local.state import StateFolder, metrics_port_of
from streams.settings import PREFIX, STORES, Settings, read_settings

# Name -> arguments of `fineacers`. Each starts when the stores are ready and `migrate` has succeeded.
_PLATFORM: Mapping[str, tuple[str, ...]] = {
    "worker-1": ("worker", "intake", "resolve", "campaign", "workspace"),
    "worker-2": ("worker", "lead", "ledger"),
    "effects": ("effects",),
    "sink-postgres": ("sink", "postgres"),
    "sink-clickhouse": ("sink", "clickhouse"),
    "gateway": ("gateway",),
}
PLATFORM = ("migrate", *_PLATFORM)
"""Names of the platform's own services."""
WORKERS = tuple(name for name, (command, *_) in _PLATFORM.items() if command in ("worker", "effects"))
"""Those that tell whether they are ready on a port of their own."""


def clickhouse_service(folder: StateFolder, settings: Settings) -> Service:
    """The ClickHouse server of that state folder."""
    return Service(
        name="clickhouse",
        argv=(sys.executable, "-m", "streams.local.clickhouse", str(folder.path)),
        env={"TZ": "UTC", f"{PREFIX}CLICKHOUSE_DATABASE": settings.clickhouse_database},
        bare=True,
        nice=STANDS_BACK,
        ready=partial(answers_http, f"{settings.need('clickhouse_url')}/ping"),
    )


def platform_services(folder: StateFolder, settings: Settings, after: tuple[str, ...]) -> tuple[Service, ...]:
    """`migrate`, which runs once after the local stores, then every process of the platform."""
    env = {"FINEACERS_STATE_DIR": str(folder.path)}
    program = (sys.executable, "-m", "streams")
    ports = folder.services()

    def process(name: str, arguments: tuple[str, ...]) -> Service:
        own, ready = env, None
        if name in WORKERS:  # ready when it has its partitions, all are restored, and it advances
            port = ports[metrics_port_of(name)]
            own = {**env, "FINEACERS_METRICS_PORT": str(port)}
            ready = partial(answers_http, f"http://127.0.0.1:{port}/ready")
        elif name == "gateway":
            ready = partial(answers_http, f"{settings.gateway_address}/ready")
        nice = STANDS_BACK if arguments[0] == "sink" else 0
        return Service(
            name, (*program, *arguments), ready=ready, env=own, after=("migrate",), stop_timeout=30, nice=nice
        )

    migrate = Service("migrate", (*program, "migrate"), env=env, after=after, once=True)
    return migrate, *(process(name, arguments) for name, arguments in _PLATFORM.items())


def wanted_services(folder: StateFolder) -> tuple[Service, ...]:
    """The services that the state folder wants, stores first."""
    names, settings = folder.wanted(), read_settings(state_dir=folder.path)
    make: dict[str, Callable[[], Service]] = {
        "kafka": lambda: kafka_service(folder, settings.cache_dir.expanduser()),
        "postgres": lambda: postgres_service(folder, settings),
        "clickhouse": lambda: clickhouse_service(folder, settings),
    }
    local = tuple(name for name in STORES if name in names)
    return tuple(make[name]() for name in local) + tuple(
        service for service in platform_services(folder, settings, after=local) if service.name in names
    )
