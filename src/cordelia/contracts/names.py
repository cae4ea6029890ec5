"""Lists of names as people write them on a command line."""

from collections.abc import Sequence

Names = str | Sequence[str] | None


def as_list(value: Names) -> list[str]:
    """A name, names with commas between, or a list of names (as inspect reads `-T x=a,b`), as a list."""
    if value is None:
        return []
    # inspect reads `-T x=7` as a number
    parts = [str(part) for part in value] if isinstance(value, list | tuple) else str(value).split(",")
    return [part.strip() for part in parts if part.strip()]
