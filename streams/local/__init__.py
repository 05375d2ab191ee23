"""Kafka, PostgreSQL and ClickHouse on this machine, without containers: `stack.start` and `stack.stop`."""
