"""Structures: residues of protein chains, and their contacts."""
