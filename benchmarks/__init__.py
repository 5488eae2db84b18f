"""Benchmarks, in a clone alone: `prospector bench` runs the core's, `python -m benchmarks.NAME` others."""
