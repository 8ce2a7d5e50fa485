"""Images of the node: containerd's own, by its command ctr. Nothing is ever pulled."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.oci_archive import archived_images

NAMESPACE = "k8s.io"
"""containerd's namespace of all that belongs to Kubernetes."""


@dataclass(frozen=True)
class NodeImages:
    """Images in one containerd.

    Attributes:
        ctr: the command.
        socket: where containerd listens.
    """

    ctr: Path
    socket: Path

    def load(self, archive: Path) -> bool:
        """Import the images in `archive` unless they are there with the same digests; tell whether it did.

        A Docker archive without an OCI index names no digests: it is imported every time.

        Raises:
            DevClusterError: the archive is bad, or containerd refuses it.
        """
        wanted = archived_images(archive)
        if wanted and wanted.items() <= self.present().items():
            return False
        self._ctr("images", "import", "--digests=false", str(archive))
        return True

    def present(self) -> dict[str, str]:
        """Return name to digest of all images."""
        rows = (line.split() for line in self._ctr("images", "ls").splitlines()[1:])
        return {row[0]: row[2] for row in rows}

    def _ctr(self, *arguments: str) -> str:
        command = [str(self.ctr), f"--address={self.socket}", f"--namespace={NAMESPACE}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DevClusterError(f"ctr {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout
