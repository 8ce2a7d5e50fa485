import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], ModuleType]]:
    """Import a module out of an example's folder, as the runner does, and forget it afterwards."""
    packages: list[str] = []

    def load(folder: str, module: str) -> ModuleType:
        monkeypatch.syspath_prepend(EXAMPLES / folder)
        packages.append(module.partition(".")[0])
        return importlib.import_module(module)

    yield load
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]
