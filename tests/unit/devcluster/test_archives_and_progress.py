"""Image archives, progress lines, locks."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.locking import exclusive
from graphrun_devcluster.oci_archive import BinaryImage, archived_images, write_binary_image
from graphrun_devcluster.progress import Progress


def test_a_written_archive_names_its_image_and_is_reproducible(tmp_path: Path) -> None:
    binary = tmp_path / "tool"
    binary.write_bytes(b"\x7fELF")
    image = BinaryImage("localhost/tool:1", binary, "bin/tool")
    for name in ("one.tar", "two.tar"):
        write_binary_image(tmp_path / name, image)

    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert archived_images(tmp_path / "one.tar").keys() == {"localhost/tool:1"}


def test_what_is_no_archive_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"nothing")

    with pytest.raises(DevClusterError, match=r"x\.tar is no archive"):
        archived_images(tmp_path / "x.tar")


def test_progress_is_plain_lines_where_there_is_no_terminal() -> None:
    written = io.StringIO()
    progress = Progress(Console(file=written, force_terminal=False))

    with progress.step("building [it]"):
        pass

    first, second = written.getvalue().splitlines()
    assert first == "building [it] ..."
    assert second.startswith("building [it]: done in ")


def test_a_failed_step_is_not_called_done() -> None:
    written = io.StringIO()

    with pytest.raises(DevClusterError), Progress(Console(file=written)).step("building"):
        raise DevClusterError

    assert "done" not in written.getvalue()


def test_a_lock_is_freed_by_the_death_of_its_holder(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    hold = (
        "import signal; from pathlib import Path; from graphrun_devcluster.locking import exclusive\n"
        f"with exclusive(Path({str(lock)!r})): print('held', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()

    with exclusive(lock):
        pass
