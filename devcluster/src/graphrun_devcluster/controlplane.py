"""A control plane without nodes: etcd, API server and controller manager on 127.0.0.1, ready in seconds.

For tests of what talks to the API server. It needs no root and leaves nothing: when the process that
made it dies, even by SIGKILL, a guardian ends it and removes its folder.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from graphrun_devcluster.components.build import Binaries, ensure_components
from graphrun_devcluster.components.catalog import CONTROL_PLANE_COMPONENTS
from graphrun_devcluster.launch import Part, await_ready
from graphrun_devcluster.pki import ADMIN, Pki, ensure_pki
from graphrun_devcluster.probes import HttpProbe
from graphrun_devcluster.processes.ledger import Ledger, ProcessSpec
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.rendering.control_plane import (
    ControlPlaneSettings,
    Ports,
    apiserver_argv,
    controllers_argv,
    etcd_argv,
    render_audit_policy,
    scheduler_argv,
)
from graphrun_devcluster.rendering.kubeconfig import render_kubeconfig

LOOPBACK = "127.0.0.1"
SERVER_NAMES = ("DNS:localhost", "DNS:kubernetes.default.svc", f"IP:{LOOPBACK}")


class ControlPlane:
    """A Kubernetes API on 127.0.0.1, without nodes: pods stay Pending until a test writes their status.

    Use it as a context manager.

    Args:
        scheduler: run the scheduler too.
        audit: write an audit line for every write to `audit_log`.
        progress: told what is being built; lines on stderr when left out.

    Attributes:
        folder: everything it writes; removed at the end.
    """

    def __init__(
        self, *, scheduler: bool = False, audit: bool = False, progress: Progress | None = None
    ) -> None:
        self._with_scheduler = scheduler
        self._with_audit = audit
        self._progress = progress or Progress()
        self._stack = ExitStack()
        self.folder = Path()
        self._pki = Pki(Path())
        self._ports = Ports()

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://{LOOPBACK}:{self._ports.apiserver}"

    @property
    def token(self) -> str:
        """A bearer token of a cluster administrator."""
        return self._pki.token(ADMIN.name)

    @property
    def ca(self) -> Path:
        """The certificate authority's certificate, PEM."""
        return self._pki.ca

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig of a cluster administrator."""
        return self.folder / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """One JSON line for every write, when made with ``audit=True``."""
        return self.folder / "audit" / "audit.log"

    @property
    def kubectl(self) -> Path:
        """The matching kubectl."""
        return self._binaries["kubectl"]

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Bring it up.

        Raises:
            BuildError: its components could not be built.
            NotReadyError: a part did not come up.
        """
        self._binaries = ensure_components(CONTROL_PLANE_COMPONENTS, self._progress)
        self.folder = Path(tempfile.mkdtemp(prefix="graphrun-control-plane-"))
        self._guard()
        self._ports = _free_ports()
        self._pki = ensure_pki(self.folder / "pki", SERVER_NAMES)
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(render_kubeconfig(self.url, self.ca.read_text(), self.token))
        if self._with_audit:
            self.audit_log.parent.mkdir()
            (self.audit_log.parent / "policy.yaml").write_text(render_audit_policy())
        ledger = Ledger(self.folder / "processes", self.folder / "log")
        for part in self._parts(self._binaries):
            process = ledger.start(part.spec)
            self._stack.callback(process.end)
            await_ready(ledger, part, process)
        return self

    def stop(self) -> None:
        """End it and remove its folder. It does no harm to call it twice."""
        self._stack.close()

    def _guard(self) -> None:
        """Start the guardian: it ends everything as soon as its standard input is closed."""
        guardian = subprocess.Popen(
            [sys.executable, "-m", "graphrun_devcluster.guardian", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

        def release() -> None:
            guardian.communicate()

        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._stack.callback(release)

    def _parts(self, binaries: Binaries) -> list[Part]:
        settings = ControlPlaneSettings(
            address=LOOPBACK,
            ports=self._ports,
            data=self.folder / "etcd",
            pki=self._pki.folder,
            kubeconfig=self.kubeconfig,
            audit=self.audit_log.parent if self._with_audit else None,
            has_nodes=False,
        )
        ports = self._ports
        parts = [
            _part("etcd", etcd_argv(binaries["etcd"], settings), f"http://{LOOPBACK}:{ports.etcd}/health"),
            Part(
                ProcessSpec("kube-apiserver", apiserver_argv(binaries["kube-apiserver"], settings)),
                HttpProbe(f"{self.url}/readyz", self.token).holds,
            ),
            _part(
                "kube-controller-manager",
                controllers_argv(binaries["kube-controller-manager"], settings),
                f"https://{LOOPBACK}:{ports.controllers}/healthz",
            ),
        ]
        if self._with_scheduler:
            argv = scheduler_argv(binaries["kube-scheduler"], settings)
            parts.append(_part("kube-scheduler", argv, f"https://{LOOPBACK}:{ports.scheduler}/healthz"))
        return parts


def _part(name: str, argv: tuple[str, ...], url: str) -> Part:
    return Part(ProcessSpec(name, argv), HttpProbe(url).holds)


def _free_ports() -> Ports:
    """Return ports that are free now, all different because they are held until the last is found."""
    with ExitStack() as held:
        numbers = []
        for _ in range(5):
            probe = held.enter_context(socket.socket())
            probe.bind((LOOPBACK, 0))
            numbers.append(int(probe.getsockname()[1]))
    return Ports(*numbers)
