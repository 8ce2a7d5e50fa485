"""Find the API server: the pod's own account in a cluster, else the file that KUBECONFIG names."""

from collections.abc import Mapping
from typing import Any

from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from graphrun_api.kube.cluster import Cluster
from graphrun_core.errors import SettingsInvalid

# Long polls wait on the cache, not on connections; these serve reviews, reads and writes at once.
_POOL_SIZE = 100


async def connect(environ: Mapping[str, str]) -> Cluster:
    """A client for the cluster that the environment names. No request is made yet.

    Raises:
        SettingsInvalid: neither a service account nor KUBECONFIG is there.
    """
    config: Any = kubernetes_config  # its functions carry no types
    configuration = Configuration()
    configuration.connection_pool_maxsize = _POOL_SIZE
    if environ.get("KUBECONFIG"):
        await config.load_kube_config(environ["KUBECONFIG"], client_configuration=configuration)
    elif environ.get("KUBERNETES_SERVICE_HOST"):
        config.load_incluster_config(client_configuration=configuration)
    else:
        message = "KUBECONFIG: name the file that says how to reach the cluster (outside of one)"
        raise SettingsInvalid(message)
    return Cluster(ApiClient(configuration))
