"""Stores beside the database: each a protocol, a real part and a local twin."""
