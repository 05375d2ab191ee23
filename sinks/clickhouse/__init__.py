"""ClickHouse: what happened."""
