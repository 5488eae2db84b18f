"""Mutation tests of the core: one place is changed at a time, and tests must notice it (``make mutants``)."""
