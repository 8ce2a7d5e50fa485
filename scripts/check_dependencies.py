"""Each member declares what it imports, no more and no less; and who may touch langgraph itself.

deptry compares imports with each member's pyproject. langgraph and langgraph-checkpoint share the top-level name
`langgraph`, so which of the two a file imports is judged here by the full module name.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEMBERS = ("core", "checkpoints", "operator", "runner", "api", "devcluster")
WITHOUT_LANGGRAPH = ("core", "checkpoints", "operator", "api", "devcluster")
# Modules of the distribution langgraph-checkpoint.
CHECKPOINT_MODULES = ("langgraph.checkpoint", "langgraph.store", "langgraph.cache")


def imported_modules(file: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of each module that `file` imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module


def langgraph_intrusions() -> Iterator[str]:
    """Places that import langgraph itself where only its checkpoint library is allowed."""
    for member in WITHOUT_LANGGRAPH:
        for file in sorted((ROOT / member / "src").rglob("*.py")):
            for line, module in imported_modules(file):
                if module.split(".")[0] == "langgraph" and not module.startswith(CHECKPOINT_MODULES):
                    yield f"{file.relative_to(ROOT)}:{line}: {module}: only the runner may import langgraph itself"


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    problems = list(langgraph_intrusions())
    print("\n".join(problems), end="\n" if problems else "")
    failed = bool(problems)
    for member in MEMBERS:
        deptry = [str(Path(sys.executable).parent / "deptry"), "src", "--no-ansi"]
        result = subprocess.run(deptry, cwd=ROOT / member, capture_output=True, text=True, check=False)
        if result.returncode:
            print(f"{member}:\n{result.stdout}{result.stderr}")
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
