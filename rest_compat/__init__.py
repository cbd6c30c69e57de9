"""What we inherited: the documented /v1 paths as rows over stored operations."""
