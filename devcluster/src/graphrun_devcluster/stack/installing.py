"""Brings up a cluster with graphrun on it: only what is missing or has changed is done."""

import os
from concurrent.futures import ThreadPoolExecutor

from graphrun_devcluster.images.build import ensure_images
from graphrun_devcluster.images.catalog import DEPENDENCIES, PRODUCT
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.choice import DEFAULT_NAME, choose_cluster, wanted_nodes
from graphrun_devcluster.providers.current import CurrentCluster
from graphrun_devcluster.providers.provider import Cluster
from graphrun_devcluster.stack import manifests, names
from graphrun_devcluster.stack.charts import ensure_release
from graphrun_devcluster.stack.environment import environment_of
from graphrun_devcluster.stack.plan import Plan, plan_for_images, plan_from_environment
from graphrun_devcluster.stack.rollouts import await_rollouts
from graphrun_devcluster.stack.tools import Tools, ensure_tools

ROLLOUT_SECONDS = 180


def cluster_name() -> str:
    """Return the name of the cluster that is meant where none is given."""
    return os.environ.get("GRAPHRUN_CLUSTER_NAME") or DEFAULT_NAME


def up(name: str | None = None, progress: Progress | None = None, *, nodes: int | None = None) -> None:
    """Bring up the cluster `name` with graphrun, its dependencies and the demo project.

    Args:
        name: which cluster; left out, the one that the environment names.
        progress: told what is being done.
        nodes: how many nodes it is to have; left out, ``$GRAPHRUN_NODES``, else as many as it has.

    Raises:
        DevClusterError: something did not work; the message says what, and what to do.
    """
    told = progress or Progress()
    cluster = choose_cluster(name or cluster_name(), told)
    plan = _prepare(cluster, wanted_nodes() if nodes is None else nodes, told)
    tools = Tools(cluster.kubeconfig())
    with ThreadPoolExecutor() as pool:
        early = [
            pool.submit(_ensure_dependencies, plan, tools, told),
            pool.submit(_ensure_crds, tools, told),
            pool.submit(tools.apply, manifests.project()),
        ]
    for task in early:
        task.result()
    _ensure_graphrun(plan, tools, told)
    told.note(f"graphrun is up: {environment_of(cluster).url} (see `env` for how to reach it)")


def _prepare(cluster: Cluster, nodes: int | None, progress: Progress) -> Plan:
    """Have the cluster and the images, which need nothing of each other, and bring them together."""
    if isinstance(cluster, CurrentCluster):
        plan = plan_from_environment(os.environ)
        cluster.up(nodes)
        ensure_tools(progress)
        return plan
    with ThreadPoolExecutor() as pool:
        building = pool.submit(ensure_images, (*DEPENDENCIES, *PRODUCT), progress)
        cluster.up(nodes)
        ensure_tools(progress)
    images = building.result()
    for image in images:
        cluster.load_image(image.archive)
    return plan_for_images(images)


def _ensure_dependencies(plan: Plan, tools: Tools, progress: Progress) -> None:
    if plan.dependencies is None:
        return
    postgres, s3 = plan.dependencies
    tools.apply(manifests.dependencies(postgres.reference, s3.reference))
    await_rollouts(tools, names.DEPENDENCIES_NAMESPACE, ("postgres", "s3"), ROLLOUT_SECONDS, progress)


def _ensure_crds(tools: Tools, progress: Progress) -> None:
    if ensure_release(tools, names.CRDS_RELEASE, {}):
        progress.note("custom resources installed")


def _ensure_graphrun(plan: Plan, tools: Tools, progress: Progress) -> None:
    if ensure_release(tools, names.RELEASE, plan.values()):
        progress.note(f"chart installed with {plan.control_plane_image}")
    deployments = ("graphrun-operator", "graphrun-api")
    await_rollouts(tools, names.SYSTEM_NAMESPACE, deployments, ROLLOUT_SECONDS, progress)
