"""What is installed where: images built here, or named for a cluster of somebody else's."""

from pathlib import Path

import pytest

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.images.archives import image_at
from graphrun_devcluster.images.catalog import ALL_IMAGES
from graphrun_devcluster.stack.plan import plan_for_images, plan_from_environment

NAMED = {
    "GRAPHRUN_CONTROL_PLANE_IMAGE": "registry.example:5000/graphrun/control-plane:7",
    "GRAPHRUN_RUNNER_IMAGE": "registry.example:5000/graphrun/runner:7",
    "GRAPHRUN_POSTGRES_DSN": "postgresql://u:p@db/graphrun",
    "GRAPHRUN_STORAGE_ENDPOINT": "https://s3.example",
    "GRAPHRUN_STORAGE_ACCESS_KEY": "key",
    "GRAPHRUN_STORAGE_SECRET_KEY": "secret",
}


def test_images_are_installed_by_their_hash_so_that_deployments_roll(tmp_path: Path) -> None:
    plan = plan_for_images([image_at(spec, f"tag-{spec.name}", tmp_path) for spec in ALL_IMAGES])
    values = plan.values()
    assert values["image"] == {"repository": "localhost/graphrun-control-plane", "tag": "tag-control-plane"}
    assert values["runner"]["image"] == "localhost/graphrun-runner:tag-runner"
    assert plan.dependencies is not None
    assert [image.spec.name for image in plan.dependencies] == ["postgres", "s3"]


def test_registry_with_a_port_is_not_taken_for_a_tag() -> None:
    values = plan_from_environment(NAMED).values()
    assert values["image"] == {"repository": "registry.example:5000/graphrun/control-plane", "tag": "7"}
    assert values["storage"]["bucket"] == "graphrun"
    untagged = NAMED | {"GRAPHRUN_CONTROL_PLANE_IMAGE": "registry.example:5000/graphrun/control-plane"}
    with pytest.raises(DevClusterError, match="add a tag"):
        plan_from_environment(untagged)


@pytest.mark.parametrize("name", NAMED)
def test_missing_variable_is_named(name: str) -> None:
    with pytest.raises(DevClusterError, match=f"needs {name}"):
        plan_from_environment({key: value for key, value in NAMED.items() if key != name})
