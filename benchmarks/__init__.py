"""Benchmarks of skvas; see README.md."""
