"""Exports: what callers carry away as files."""
