"""Files that are there whole or not at all, whoever is killed when."""

from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.touch(mode=0o600)
    temporary.write_text(text)
    temporary.replace(path)
