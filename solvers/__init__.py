"""Auditors, and the affordances they are given. Nothing here imports the truth."""
