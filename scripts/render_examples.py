"""Write each example's Python and text files into its workflow.yaml, under spec.graph.files.

`files:` is the last key of those manifests: everything below it is rendered, all above it is written by hand.
With --check nothing is written; the exit code is 1 where a manifest differs from its files.
"""

import argparse
import sys
from pathlib import Path

import yaml

EXAMPLES = Path(__file__).parent.parent / "examples"
FILES_KEY = "    files: # rendered by scripts/render_examples.py\n"
SOURCES = {".py", ".txt"}


class _Block(str):
    """A text that YAML shall show line by line."""

    __slots__ = ()


def _represent_block(dumper: yaml.SafeDumper, text: _Block) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")


class _Dumper(yaml.SafeDumper):
    """Dumps blocks as blocks."""


_Dumper.add_representer(_Block, _represent_block)


def sources(example: Path) -> dict[str, str]:
    """The files that an example's graph consists of, by the path that the runner lays them out under."""
    paths = sorted(path for path in example.rglob("*") if path.suffix in SOURCES and path.parent != example)
    return {path.relative_to(example).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def render(example: Path) -> str:
    """What the example's workflow.yaml should contain.

    Raises:
        ValueError: the manifest has no `files:` line to render below.
    """
    manifest = example / "workflow.yaml"
    head, found, _ = manifest.read_text(encoding="utf-8").partition(FILES_KEY)
    if not found:
        raise ValueError(f"{manifest}: add the line {FILES_KEY.strip()!r} as the last one of spec.graph")
    blocks = {path: _Block(text) for path, text in sources(example).items()}
    dumped = yaml.dump(blocks, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10**6)
    indented = "".join(f"      {line}" if line.strip() else line for line in dumped.splitlines(keepends=True))
    return head + FILES_KEY + indented


def main() -> int:
    """Render or check all examples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on a difference")
    check = parser.parse_args().check
    stale = []
    for manifest in sorted(EXAMPLES.glob("*/workflow.yaml")):
        rendered = render(manifest.parent)
        if rendered != manifest.read_text(encoding="utf-8"):
            stale.append(manifest)
            if not check:
                manifest.write_text(rendered, encoding="utf-8")
    for manifest in stale:
        sys.stdout.write(f"{manifest}: {'differs from its files' if check else 'rendered'}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
