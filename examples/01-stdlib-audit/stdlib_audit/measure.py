"""What one source file tells about itself: measured with `ast`, nothing is imported or run."""

from __future__ import annotations

import ast
import sysconfig
import threading
from pathlib import Path
from typing import TypedDict

SKIPPED_FOLDERS = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
BRANCHES = (
    ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.BoolOp, ast.comprehension,
    ast.match_case,
)  # fmt: skip
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With, ast.AsyncWith, ast.Match)
Function = ast.FunctionDef | ast.AsyncFunctionDef
# Python 3.11 counts the depth of its parser once for all threads: two at once can fail with a SystemError (gh-106905).
_ONE_PARSE = threading.Lock()


class Measure(TypedDict):
    """One module in numbers."""

    module: str
    lines: int
    functions: int
    branches: int
    documented: float  # share of public functions and classes that have a docstring, 0..1
    longest: str  # the longest function…
    longest_lines: int  # …and its lines
    score: float  # the higher, the harder to read


class Finding(TypedDict):
    """One function of a module that was read closely."""

    module: str
    function: str
    line: int
    lines: int
    complexity: int  # branches + 1
    depth: int  # blocks inside blocks


def library() -> Path:
    """The folder of the standard library that this interpreter uses."""
    return Path(sysconfig.get_path("stdlib"))


def largest_modules(count: int) -> list[str]:
    """The `count` largest modules, as paths below `library()`; the order is the same on every call."""
    root = library()
    sizes = [
        (-path.stat().st_size, path.relative_to(root).as_posix())
        for path in root.rglob("*.py")
        if not SKIPPED_FOLDERS.intersection(path.relative_to(root).parts)
    ]
    return [name for _, name in sorted(sizes)[:count]]


def _parse(module: str) -> tuple[str, ast.Module]:
    source = (library() / module).read_text(encoding="utf-8", errors="replace")
    with _ONE_PARSE:
        return source, ast.parse(source)


def _functions(tree: ast.Module) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def _branches(tree: ast.AST) -> int:
    return sum(isinstance(node, BRANCHES) for node in ast.walk(tree))


def _length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _documented(tree: ast.Module) -> float:
    public = [
        node
        for node in ast.walk(tree)
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_")
    ]
    return sum(ast.get_docstring(node) is not None for node in public) / len(public) if public else 1.0


def _depth(node: ast.AST) -> int:
    """How deep blocks lie inside blocks; an `elif` lies beside its `if`, although `ast` nests it."""
    if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        return max(1 + max(map(_depth, node.body)), _depth(node.orelse[0]))
    inner = max((_depth(child) for child in ast.iter_child_nodes(node)), default=0)
    return inner + isinstance(node, BLOCKS)


def measure(module: str) -> Measure:
    """Measure a module given by its path below `library()`."""
    source, tree = _parse(module)
    functions = _functions(tree)
    longest = max(functions, key=_length, default=None)
    branches, documented = _branches(tree), _documented(tree)
    longest_lines = _length(longest) if longest else 0
    return Measure(
        module=module,
        lines=source.count("\n") + 1,
        functions=len(functions),
        branches=branches,
        documented=round(documented, 3),
        longest=longest.name if longest else "",
        longest_lines=longest_lines,
        score=round(branches / max(len(functions), 1) + longest_lines / 20 + 5 * (1 - documented), 2),
    )


def read_closely(module: str, top: int = 3) -> list[Finding]:
    """The `top` most complex functions of a module, most complex first."""
    findings = [
        Finding(
            module=module,
            function=function.name,
            line=function.lineno,
            lines=_length(function),
            complexity=_branches(function) + 1,
            depth=_depth(function),
        )
        for function in _functions(_parse(module)[1])
    ]
    return sorted(findings, key=lambda finding: (-finding["complexity"], finding["line"]))[:top]
