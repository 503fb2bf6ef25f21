"""What lies in a home."""

from pathlib import Path


def everything(home: Path) -> list[str]:
    """Every file below `home`, as relative paths, but for the database."""
    found = (path.relative_to(home) for path in home.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if not path.name.startswith("segfleet.db"))
