"""kubectl against the demo's cluster and namespace."""

import asyncio
import json
import os
from dataclasses import dataclass
from typing import Any

from graphrun_devcluster.demo.errors import RefusedError


@dataclass(frozen=True)
class Pod:
    """A runner pod, as far as the demo tells of it."""

    name: str
    attempt: str
    phase: str

    @property
    def lives(self) -> bool:
        """Whether anything of it may still run; a pod that has ended is kept a while for its logs."""
        return self.phase not in ("Succeeded", "Failed")


@dataclass(frozen=True)
class Kubectl:
    """Calls kubectl; `path` is a PATH on which it lies."""

    kubeconfig: str
    path: str
    namespace: str

    async def __call__(self, *args: str, stdin: str | None = None) -> str:
        """What kubectl wrote to stdout.

        Raises:
            RefusedError: kubectl's exit code was not 0; its words are the message.
        """
        process = await asyncio.create_subprocess_exec(
            "kubectl",
            "--namespace",
            self.namespace,
            *args,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "KUBECONFIG": self.kubeconfig, "PATH": self.path},
        )
        out, err = await process.communicate(stdin.encode() if stdin is not None else None)
        if process.returncode:
            detail = err.decode(errors="replace").strip()
            raise RefusedError(f"kubectl {' '.join(args)}", 0, {"detail": detail})
        return out.decode(errors="replace")

    async def get(self, kind: str, name: str) -> dict[str, Any]:
        """One object."""
        found: dict[str, Any] = json.loads(await self("get", kind, name, "-o", "json"))
        return found

    async def select(self, kind: str, selector: str) -> list[dict[str, Any]]:
        """The objects with these labels."""
        found: list[dict[str, Any]] = json.loads(await self("get", kind, "-l", selector, "-o", "json"))[
            "items"
        ]
        return found

    async def patch_run(self, run: str, spec: dict[str, Any]) -> None:
        """Change a run's spec, as a person would."""
        await self("patch", "wfr", run, "--type", "merge", "-p", json.dumps({"spec": spec}))

    async def live_pods(self, run: str) -> list[Pod]:
        """The pods of a run that have not ended, oldest attempt first."""
        return [pod for pod in await self.pods(run) if pod.lives]

    async def pods(self, run: str) -> list[Pod]:
        """The pods of a run that there are, oldest attempt first."""
        found = await self.select("pods", f"graphrun.dev/run={run}")
        pods = [
            Pod(
                name=pod["metadata"]["name"],
                attempt=pod["metadata"]["labels"]["graphrun.dev/attempt"],
                phase=pod["status"].get("phase", ""),
            )
            for pod in found
        ]
        return sorted(pods, key=lambda pod: int(pod.attempt))
