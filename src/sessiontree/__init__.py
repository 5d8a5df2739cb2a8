"""Sessiontree: usage records in, exact cost trees per session out."""

__version__ = "0.1.0"


def is_compiled() -> bool:
    """Whether the modules that pay for it run compiled; else they run as the Python that they are written in."""
    from sessiontree import money

    return not (money.__file__ or "").endswith(".py")


def edition() -> str:
    """The version, and whether it runs compiled."""
    return f"{__version__} (compiled)" if is_compiled() else __version__
