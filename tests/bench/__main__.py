"""`make bench`: steps, engine, sinks and the whole line, with the machine's description."""

from rich.console import Console

from tests.bench import bench_steps
from tests.bench.report import machine, show

Console().print(machine())
show("Stages, pure computation", bench_steps.rows())
