"""Migrations: how the tables came to be, applied by the owner role only."""
