"""Installs a chart, unless the cluster has just this chart with just these values."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphrun_devcluster.images.catalog import REPOSITORY
from graphrun_devcluster.stack.names import SYSTEM_NAMESPACE
from graphrun_devcluster.stack.tools import ToolError, Tools

CHARTS = REPOSITORY / "charts"


def chart_hash(chart: Path, values: Mapping[str, Any]) -> str:
    """Return a hash over a chart's files and the values it gets."""
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for path in sorted(path for path in chart.rglob("*") if path.is_file()):
        digest.update(f"\0{path.relative_to(chart)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def ensure_release(tools: Tools, release: str, values: Mapping[str, Any]) -> bool:
    """Install or upgrade the chart called like `release`; tell whether anything was to do.

    The hash of what was installed is kept as the release's description, so it goes when the release goes.
    """
    chart = CHARTS / release
    wanted = chart_hash(chart, values)
    info = _release_info(tools, release)
    if info.get("status") == "deployed" and info.get("description") == wanted:
        return False
    if str(info.get("status", "")).startswith("pending"):
        _forget_interrupted(tools, release)
    command = ("upgrade", "--install", release, str(chart), f"--namespace={SYSTEM_NAMESPACE}")
    options = ("--create-namespace", f"--description={wanted}", "--values=-")
    tools.helm(*command, *options, stdin=json.dumps(values))
    return True


def _release_info(tools: Tools, release: str) -> dict[str, Any]:
    try:
        status = tools.helm("status", release, f"--namespace={SYSTEM_NAMESPACE}", "--output=json")
    except ToolError as error:
        if "not found" in str(error):
            return {}
        raise
    return dict(json.loads(status)["info"])


def _forget_interrupted(tools: Tools, release: str) -> None:
    """Remove the record of a helm that was killed half-way: helm would refuse every later upgrade."""
    selector = f"owner=helm,name={release},status in (pending-install,pending-upgrade,pending-rollback)"
    tools.kubectl("delete", "secret", f"--namespace={SYSTEM_NAMESPACE}", f"--selector={selector}")
