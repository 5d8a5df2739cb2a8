"""Sessiontree: usage records in, exact cost trees per session out."""

__version__ = "0.1.0"
