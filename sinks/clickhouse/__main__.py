"""`python -m sinks.clickhouse` prints the migration that makes all tables, as the contracts are now."""

import sys

from sinks.clickhouse.tables import migration_text

sys.stdout.write(migration_text())
