"""Manifests of the development dependencies and of the demo project: filled in, restricted, small in rights."""

from typing import Any

import yaml

from graphrun_devcluster.stack import manifests, names
from graphrun_devcluster.stack.plan import IN_CLUSTER


def _documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def _of_kind(documents: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}


def test_dependencies_run_the_images_given_under_restricted_pod_security() -> None:
    deployments = _of_kind(
        _documents(manifests.dependencies("localhost/pg:1", "localhost/s3:2")), "Deployment"
    )
    images = {}
    for name, deployment in deployments.items():
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        images[name] = container["image"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert images == {"postgres": "localhost/pg:1", "s3": "localhost/s3:2"}


def test_dsn_and_endpoint_lead_to_the_services() -> None:
    services = _of_kind(_documents(manifests.dependencies("a", "b")), "Service")
    for name, address in (("postgres", IN_CLUSTER.postgres_dsn), ("s3", IN_CLUSTER.storage_endpoint)):
        metadata, (port,) = services[name]["metadata"], services[name]["spec"]["ports"]
        assert f"{name}.{metadata['namespace']}.svc:{port['port']}" in address


def test_credentials_agree() -> None:
    secrets = _of_kind(_documents(manifests.dependencies("a", "b")), "Secret")
    identity = yaml.safe_load(secrets["s3"]["stringData"]["s3.json"])["identities"][0]
    keys = {"accessKey": IN_CLUSTER.access_key, "secretKey": IN_CLUSTER.secret_key}
    assert identity["credentials"] == [keys]
    assert f":{secrets['postgres']['stringData']['POSTGRES_PASSWORD']}@" in IN_CLUSTER.postgres_dsn


def test_person_may_use_the_project_and_nothing_outside_it() -> None:
    documents = _documents(manifests.project())
    namespace = _of_kind(documents, "Namespace")[names.PROJECT]
    assert namespace["metadata"]["labels"] == {"graphrun.dev/project": names.PROJECT}
    assert not [document for document in documents if document["kind"].startswith("Cluster")]
    bindings = _of_kind(documents, "RoleBinding").values()
    assert {binding["roleRef"]["name"] for binding in bindings} == {"graphrun-user", "demo-user-secrets"}
    subject = {"kind": "ServiceAccount", "name": names.PERSON, "namespace": names.PROJECT}
    for binding in bindings:
        assert binding["metadata"]["namespace"] == names.PROJECT
        assert binding["subjects"] == [subject]
