"""How to reach graphrun on a running development cluster."""

import os
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from graphrun_devcluster.components.build import handy_folder
from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.choice import DEFAULT_NAME, choose_cluster
from graphrun_devcluster.providers.provider import Cluster, ServicePort
from graphrun_devcluster.stack import names
from graphrun_devcluster.stack.tools import ToolError, Tools, search_path

API = ServicePort(names.SYSTEM_NAMESPACE, "graphrun-api", 8080)

TOKEN_HOURS = 24


class NoStackError(DevClusterError):
    """No cluster with graphrun runs here."""


@dataclass(frozen=True)
class Environment:
    """What a person or a test needs to use graphrun.

    Attributes:
        kubeconfig: of an administrator of the cluster.
        url: of the API, without a path.
        token: bearer token of a person who may use the project, good for a day.
        project: project id.
        namespace: the project's namespace.
        path: a PATH with kubectl, helm and ctr on it.
    """

    kubeconfig: Path
    url: str
    token: str
    project: str
    namespace: str
    path: str


def environment(name: str | None = None) -> Environment:
    """Return how to reach graphrun on the running cluster `name`.

    Raises:
        NoStackError: there is none; the message says how to get one.
    """
    wanted = name or os.environ.get("GRAPHRUN_CLUSTER_NAME") or DEFAULT_NAME
    try:
        return environment_of(choose_cluster(wanted, Progress()))
    except DevClusterError as error:
        raise NoStackError(
            f"no cluster {wanted!r} with graphrun runs here (`make up` brings one up): {error}"
        ) from error


def environment_of(cluster: Cluster) -> Environment:
    """Return how to reach graphrun on `cluster`, with a new token and a forwarder that runs."""
    kubeconfig = cluster.kubeconfig()
    tools = Tools(kubeconfig)
    try:
        token = tools.kubectl(
            *("create", "token", names.PERSON, f"--namespace={names.PROJECT}"),
            f"--duration={TOKEN_HOURS}h",
            "--request-timeout=10s",
        )
    except ToolError as error:
        raise NoStackError(str(error)) from error
    return Environment(
        kubeconfig=kubeconfig,
        url=f"http://{cluster.forward(API)}",
        token=token.strip(),
        project=names.PROJECT,
        namespace=names.PROJECT,
        path=search_path(),
    )


def export_lines(environment: Environment) -> str:
    """Return lines for a shell to evaluate."""
    variables = {
        "KUBECONFIG": str(environment.kubeconfig),
        "GRAPHRUN_URL": environment.url,
        "GRAPHRUN_TOKEN": environment.token,
        "GRAPHRUN_PROJECT": environment.project,
        "GRAPHRUN_NAMESPACE": environment.namespace,
    }
    lines = [f"export {name}={quote(value)}" for name, value in variables.items()]
    return "\n".join([*lines, f'export PATH={quote(str(handy_folder()))}:"$PATH"', ""])
