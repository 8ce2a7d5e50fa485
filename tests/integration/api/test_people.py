"""Who may call: tokens of an issuer beside the cluster's own, what one may see, pages of other origins, and gzip."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from graphrun_api.settings import Settings
from graphrun_checkpoints import StorageConfig
from graphrun_core import names
from support.api_world import Api, Kube, Project, Rest, rest_of, running_api, settings_for
from support.oidc_issuer import AUDIENCE, Issuer, serving
from support.waiting import eventually

Json = dict[str, Any]
PAGE = "https://console.example"


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with serving() as issuer:
        yield issuer


@pytest.fixture
def settings(database: str, storage: StorageConfig, issuer: Issuer) -> Settings:
    own = {
        "oidc_issuer": issuer.url,
        "oidc_audience": AUDIENCE,
        "oidc_username_prefix": "oidc:",
        "oidc_groups_prefix": "oidc:",
        "cors_origins": f"{PAGE}, https://other.example",
    }
    return settings_for(database, storage).model_copy(update=own)


@pytest.fixture
async def api(plane: Any, settings: Settings) -> AsyncIterator[Api]:
    async with running_api(plane, settings) as api:
        yield api


@asynccontextmanager
async def person(api: Api, project: Project, token: str) -> AsyncIterator[Rest]:
    """Somebody with a token of the issuer."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=api.url, headers=headers, trust_env=False, timeout=40) as http:
        yield Rest(http, project, token)


async def grant(project: Project, kind: str, name: str, verbs: list[str]) -> None:
    """A person's or a group's right in the project."""
    role = f"for-{kind.lower()}"
    rule = {"apiGroups": [names.GROUP], "resources": [names.WORKFLOWS, names.WORKFLOW_RUNS], "verbs": verbs}
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{project.namespace}"
    meta = {"metadata": {"name": role}}
    await project.kube.call("POST", f"{rbac}/roles", {**meta, "rules": [rule]})
    group = "rbac.authorization.k8s.io"
    body = {
        **meta,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": role},
        "subjects": [{"apiGroup": group, "kind": kind, "name": name}],
    }
    await project.kube.call("POST", f"{rbac}/rolebindings", body)


async def test_a_person_of_the_issuer_may_what_the_cluster_grants_to_their_name_and_groups(
    api: Api, project: Project, issuer: Issuer
) -> None:
    await project.workflow()
    await grant(project, "User", "oidc:ada", ["create", "get", "list"])
    await grant(project, "Group", "oidc:readers", ["list"])

    async with person(api, project, issuer.token(sub="ada")) as ada:
        run = await ada.create()
        await ada.ok("GET", f"/runs/{run}")
        await ada.refused(403, "POST", f"/runs/{run}/cancel")
        me = (await ada.http.get("/api/me")).json()
    async with person(api, project, issuer.token(sub="bob", groups=["readers"])) as bob:
        await bob.ok("GET", "/runs")
        await bob.refused(403, "GET", f"/runs/{run}")
    async with person(api, project, issuer.token(sub="eve", groups=["system:masters"])) as eve:
        await eve.refused(404, "GET", "/runs")

    assert me == {"username": "oidc:ada", "groups": ["system:authenticated"]}
    made = await project.run(run)
    assert made["metadata"]["annotations"]["graphrun.dev/requested-by"] == "oidc:ada"


async def test_tokens_that_are_not_valid_are_401_and_with_the_issuer_away_503_for_its_own_alone(
    api: Api, project: Project, issuer: Issuer
) -> None:
    issuer.away = True
    async with person(api, project, issuer.token()) as ada, rest_of(api, project) as rest:
        problem = await ada.refused(503, "GET", "/runs")
        await rest.ok("GET", "/runs")
    issuer.away = False
    async with person(api, project, issuer.token()) as ada:
        await eventually(
            lambda: ada.send("GET", "/runs"), lambda answer: answer.status_code == 404, seconds=30
        )
    for token in (issuer.token(exp=1), issuer.token(aud="another"), "x.y.z"):
        async with person(api, project, token) as nobody:
            await nobody.refused(401, "GET", "/runs")

    assert problem["type"].endswith("/issuer-unavailable")


async def test_clients_are_told_how_to_sign_in_without_a_token(api: Api, issuer: Issuer) -> None:
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as http:
        config = await http.get("/api/config")
        for path in ("/api/me", "/api/projects"):
            assert (await http.get(path)).status_code == 401

    assert config.json() == {"version": "v1alpha1", "issuer": issuer.url, "audience": AUDIENCE}


async def test_projects_are_listed_to_who_may_look_into_them_alone(
    api: Api, kube: Kube, project: Project
) -> None:
    other = await Project.make(kube)

    seen = {}
    for account in ("editor", "viewer", "stranger"):
        async with rest_of(api, project, account) as rest:
            seen[account] = (await rest.http.get("/api/projects")).json()["items"]

    own = {"project": project.name, "namespace": project.namespace}
    assert seen == {"editor": [own], "viewer": [own], "stranger": []}
    assert other.name not in str(seen)


async def test_pages_of_configured_origins_alone_may_read_answers(api: Api, project: Project) -> None:
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with rest_of(api, project) as rest:
        path = f"/api/projects/{project.name}/workflows"
        allowed = await rest.http.options(path, headers={**asking, "Origin": PAGE})
        refused = await rest.http.options(path, headers={**asking, "Origin": "https://evil.example"})
        page = await rest.http.get(path, headers={"Origin": PAGE})
        evil = await rest.http.get(path, headers={"Origin": "https://evil.example"})
        problem = await rest.http.get("/api/projects/nosuch/workflows", headers={"Origin": PAGE})

    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == PAGE
    assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
    assert refused.status_code == 400
    assert page.headers["access-control-allow-origin"] == PAGE
    assert {"Content-Range", "ETag"} <= set(page.headers["access-control-expose-headers"].split(", "))
    assert problem.headers["access-control-allow-origin"] == PAGE
    for answer in (refused, evil):
        assert "access-control-allow-origin" not in answer.headers


async def test_long_answers_are_compressed_for_who_takes_them_so(api: Api, project: Project) -> None:
    await project.workflow(inputSchema={"description": "long " * 2000})
    async with rest_of(api, project) as rest:
        small = await rest.http.get("/api/config", headers={"Accept-Encoding": "gzip"})
        large = await rest.send("GET", "/flow", headers={"Accept-Encoding": "gzip"})
        plain = await rest.send("GET", "/flow", headers={"Accept-Encoding": "identity"})

    assert "content-encoding" not in small.headers
    assert large.headers["content-encoding"] == "gzip"
    assert int(large.headers["content-length"]) < 2000
    assert "content-encoding" not in plain.headers
    assert large.json() == plain.json()
