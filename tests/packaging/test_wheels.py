"""What is in the wheels that the images are made of, besides their modules."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = "graphrun_api/web/problem_pages"


def test_the_wheel_of_the_api_has_every_page_that_a_problem_links_to(tmp_path: Path) -> None:
    uv = os.environ.get("UV")
    if not uv:
        pytest.fail("this test builds a wheel: run it by `make packaging`, or name uv in the variable UV")
    subprocess.run([uv, "build", "-q", "--wheel", "--out-dir", tmp_path, ROOT / "api"], check=True)
    (wheel,) = tmp_path.glob("*.whl")

    with zipfile.ZipFile(wheel) as files:
        packed = {name for name in files.namelist() if name.startswith(f"{PAGES}/") and name.endswith(".md")}

    assert packed == {f"{PAGES}/{page.name}" for page in (ROOT / "api" / "src" / PAGES).glob("*.md")}
