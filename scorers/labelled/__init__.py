"""Labelled reports, and how well a grader agrees with their labels.

The labels name what organisms hide, so nothing in `cordelia.solvers` may import this package.
"""
