"""Write charts/graphrun-crds/templates from crds/, the source of truth.

Run without arguments by `make generate`; a test compares the result with what is committed.
The text is copied as it is (comments included); only Helm's `keep` annotation is added, so that uninstalling the
chart never deletes anybody's runs.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "crds"
TEMPLATES = ROOT / "charts" / "graphrun-crds" / "templates"

_HEADER = "{{- /* Generated from crds/%s by scripts/generate_crds_chart.py. Do not edit. */ -}}\n"
# The first `metadata:` of a document, at its left margin, is the object's own.
_METADATA = re.compile(r"^metadata:\n", re.MULTILINE)
_KEEP = "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n"


def render(name: str, manifest: str) -> str:
    """The template for one file of crds/.

    Args:
        name: The file's name, for the header.
        manifest: Its text, one or more YAML documents.

    Raises:
        ValueError: A document has annotations of its own, which the added ones would replace.
    """
    if re.search(r"^  annotations:", manifest, re.MULTILINE):
        message = f"crds/{name}: metadata.annotations is set here by the generator; remove it there"
        raise ValueError(message)
    escaped = manifest.replace("{{", '{{ "{{" }}')
    return _HEADER % name + _METADATA.sub(_KEEP, escaped)


def templates(sources: Path = SOURCES) -> dict[str, str]:
    """Every template by its file name."""
    return {path.name: render(path.name, path.read_text()) for path in sorted(sources.rglob("*.yaml"))}


def write(target: Path = TEMPLATES) -> None:
    """Bring the folder `target` up to date, removing templates whose source is gone."""
    target.mkdir(parents=True, exist_ok=True)
    wanted = templates()
    for stale in target.glob("*.yaml"):
        if stale.name not in wanted:
            stale.unlink()
    for name, text in wanted.items():
        (target / name).write_text(text)


if __name__ == "__main__":
    write()
