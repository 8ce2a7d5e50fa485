"""What people apply is what lies in the files beside it."""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/workflow.yaml"))
MAX_FILES_BYTES = 256 * 1024


@pytest.fixture(scope="module")
def rendering() -> Any:
    spec = importlib.util.spec_from_file_location("render_examples", ROOT / "scripts" / "render_examples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_inline_files_equal_the_files_beside_them(folder: Path, rendering: Any) -> None:
    inline = load(folder / "workflow.yaml")["spec"]["graph"]["files"]

    assert inline == rendering.sources(folder), "run scripts/render_examples.py"
    assert sum(len(text.encode()) for text in inline.values()) < MAX_FILES_BYTES


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_a_changed_file_shows_as_a_difference(folder: Path, rendering: Any, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / folder.name)
    next(copy.glob("*/graph.py")).write_text("changed = True\n", encoding="utf-8")

    assert rendering.render(copy) != (copy / "workflow.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_the_run_fits_its_workflow(folder: Path) -> None:
    workflow, run = load(folder / "workflow.yaml"), load(folder / "run.yaml")

    assert run["spec"]["workflowRef"]["name"] == workflow["metadata"]["name"]
    jsonschema.validate(run["spec"]["input"], workflow["spec"]["inputSchema"])
    module, _, attribute = workflow["spec"]["graph"]["entrypoint"].partition(":")
    assert (
        f"{attribute} = StateGraph(" in workflow["spec"]["graph"]["files"][f"{module.replace('.', '/')}.py"]
    )
