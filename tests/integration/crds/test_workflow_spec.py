"""What a Workflow may say, and what a person reads who says something else."""

import json

import pytest

from support.kubectl import Kubectl, Manifest, new_workflow

ENTRYPOINT = "spec.graph.entrypoint: write module:attribute, for example research.graph:graph"
PATHS = (
    "spec.graph.files: write relative paths such as research/graph.py, of letters, digits, '_', '-' and '.', "
    "at most 200 characters; no part may start with '.', and none may be empty"
)
RESERVED = "spec.env: names that start with GRAPHRUN_ are reserved; choose another name"
ONE_SOURCE = "spec.env: valueFrom takes exactly one of secretKeyRef and configMapKeyRef"
SECRET = {"secretKeyRef": {"name": "s", "key": "k"}}

EVERYTHING: Manifest = {
    "image": "ghcr.io/acme/research@sha256:" + "0" * 64,
    "graph": {
        "entrypoint": "research.graph:build",
        "files": {"research/graph.py": "x = 1\n", "a-b/c_d.json": "{}"},
    },
    "inputSchema": {
        "type": "object",
        "properties": {"question": {"type": "string"}},
        "required": ["question"],
    },
    "env": [
        {"name": "A", "value": ""},
        {"name": "B", "valueFrom": SECRET},
        {"name": "C.d-e", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k", "optional": True}}},
    ],
    "envFrom": [
        {"prefix": "P_", "secretRef": {"name": "s"}},
        {"configMapRef": {"name": "c", "optional": True}},
    ],
    "maxConcurrentRuns": 2,
}


def test_every_field_is_stored_as_given_and_nothing_is_added(shared_kubectl: Kubectl) -> None:
    stored = shared_kubectl.create(new_workflow(**EVERYTHING), dry_run=True).stored
    assert stored["spec"] == EVERYTHING


@pytest.mark.parametrize("entrypoint", ["graph:graph", "a.b_c.d1:Class.method", "_a:_b"])
def test_entrypoints(shared_kubectl: Kubectl, entrypoint: str) -> None:
    assert shared_kubectl.create(new_workflow(graph={"entrypoint": entrypoint}), dry_run=True).accepted


@pytest.mark.parametrize(
    "entrypoint", ["", "graph", "a.b", "a:b:c", "a/b.py:graph", "1a:b", "a:", ":b", "a b:c", "a:b()"]
)
def test_entrypoints_that_name_no_attribute_of_a_module_are_refused(
    shared_kubectl: Kubectl, entrypoint: str
) -> None:
    answer = shared_kubectl.create(new_workflow(graph={"entrypoint": entrypoint}), dry_run=True)
    assert answer.text == f'spec.graph.entrypoint: Invalid value: "{entrypoint}": {ENTRYPOINT}'


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../x.py",
        "a/../b.py",
        "a/..",
        "./a.py",
        "a//b.py",
        "a/",
        ".hidden",
        "a b.py",
        "a\\b.py",
        "x" * 201,
    ],
)
def test_files_outside_the_working_folder_are_refused(shared_kubectl: Kubectl, path: str) -> None:
    graph = {"entrypoint": "a:b", "files": {"ok.py": "", path: ""}}
    answer = shared_kubectl.create(new_workflow(graph=graph), dry_run=True)
    assert answer.text == f"spec.graph.files: Invalid value: {PATHS}"


@pytest.mark.parametrize(
    ("text", "fits"), [("x" * 4096, True), ("x" * 4097, False), ("é" * 2048, True), ("é" * 2049, False)]
)
def test_files_hold_256_kib_in_all(shared_kubectl: Kubectl, text: str, *, fits: bool) -> None:
    graph = {"entrypoint": "a:b", "files": {f"f{n}.py": text for n in range(64)}}
    answer = shared_kubectl.create(new_workflow(graph=graph), dry_run=True)
    assert answer.accepted == fits
    if not fits:
        assert answer.text == (
            "spec.graph.files: Invalid value: spec.graph.files: at most 256 KiB in all; "
            "build larger sources into an image and name it in spec.image"
        )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"env": [{"name": "GRAPHRUN_API_URL"}]},
            f'spec.env[0].name: Invalid value: "GRAPHRUN_API_URL": {RESERVED}',
        ),
        (
            {"env": [{"name": "1A"}]},
            "spec.env: names are letters, digits, '_', '-' and '.', and do not start with a digit",
        ),
        (
            {"env": [{"name": "A", "value": "x", "valueFrom": SECRET}]},
            "spec.env: give either value or valueFrom, not both",
        ),
        ({"env": [{"name": "A", "valueFrom": {}}]}, ONE_SOURCE),
        (
            {"env": [{"name": "A", "valueFrom": {**SECRET, "configMapKeyRef": {"name": "c", "key": "k"}}}]},
            ONE_SOURCE,
        ),
        ({"env": [{"name": "A"}, {"name": "A"}]}, 'spec.env[1]: Duplicate value: {"name":"A"}'),
        (
            {"env": [{"name": f"A{n}"} for n in range(101)]},
            "spec.env: Too many: 101: must have at most 100 items",
        ),
        ({"envFrom": [{}]}, "spec.envFrom: give exactly one of secretRef and configMapRef"),
        (
            {"envFrom": [{"prefix": "GRAPHRUN_", "secretRef": {"name": "s"}}]},
            "spec.envFrom: a prefix that starts with GRAPHRUN_ is reserved; choose another",
        ),
        ({"maxConcurrentRuns": 0}, "spec.maxConcurrentRuns in body should be greater than or equal to 1"),
        ({"graph": {}}, "spec.graph.entrypoint: Required value"),
        (
            {"graph": {"entrypoint": "a:b", "files": {f"f{n}": "" for n in range(65)}}},
            "spec.graph.files: Too many: 65",
        ),
        ({"defaults": {"retries": {"onNodeLost": "Ignore"}}}, 'supported values: "Restart", "Wait"'),
    ],
)
def test_a_workflow_is_refused(shared_kubectl: Kubectl, spec: Manifest, message: str) -> None:
    answer = shared_kubectl.create(new_workflow(**spec), dry_run=True)
    assert not answer.accepted
    assert message in answer.text


def test_a_name_of_52_characters_is_the_longest(shared_kubectl: Kubectl) -> None:
    assert shared_kubectl.create(new_workflow("w" * 52), dry_run=True).accepted
    refused = shared_kubectl.create(new_workflow("w" * 53), dry_run=True)
    assert refused.text == (
        "metadata.name: Invalid value: metadata.name: at most 52 characters, so that names of revisions and labels "
        "made from it fit; choose a shorter name"
    )


def test_a_workflow_may_change_wholly(kubectl: Kubectl) -> None:
    assert kubectl.create(new_workflow()).accepted
    changed = new_workflow(**EVERYTHING)
    assert kubectl("replace", "-f", "-", stdin=json.dumps(changed)).accepted
