"""PostgreSQL: what is true now."""
