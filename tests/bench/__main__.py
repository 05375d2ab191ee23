"""`make bench`: steps, engine, sinks and the whole line, with the machine's description."""

from streams.cli.printing import printer
from tests.bench import (
    bench_attribution,
    bench_clickhouse,
    bench_decision,
    bench_engine,
    bench_identity,
    bench_line,
    bench_path,
    bench_post,
    bench_sinks,
    bench_steps,
)
from tests.bench.report import machine, show
from tests.stack import local_stack

printer().print(machine())
show("Stages, pure computation", bench_steps.rows())
show("Identities", bench_identity.rows())
show("Path", bench_path.rows())
show("Ledger", bench_post.rows())
show("Batch attribution", bench_attribution.rows())
show("Learned weights", bench_attribution.learning_rows())
with local_stack("kafka") as settings:
    show("Engine", bench_engine.rows(settings))
with local_stack() as settings:
    show("Sinks", bench_sinks.rows(settings))
    show("ClickHouse", bench_clickhouse.rows(settings))
show("The whole line", bench_line.rows())
show("From a request for contact to its decision", bench_decision.rows())
