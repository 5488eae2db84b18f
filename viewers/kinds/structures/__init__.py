"""Protein structures: residues of chains in space."""
