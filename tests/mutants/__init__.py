"""Mutation tests of the core: one place is changed at a time, and the tests that run it must notice (``make mutants``)."""
