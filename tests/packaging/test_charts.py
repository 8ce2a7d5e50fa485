"""The graphrun chart, rendered by both Helms: what it makes, and what a person reads who gives it wrong values."""

import json
from typing import Any

import pytest
import yaml

from graphrun_api.settings import Settings as ApiSettings
from graphrun_operator.settings import Settings as OperatorSettings
from support.helm import CHARTS, REQUIRED_VALUES, Helm, helm_3, helm_4, merged

# The first of them builds Helm 3, which takes minutes.
pytestmark = pytest.mark.timeout(1800)

Manifest = dict[str, Any]
GENEROUS: Manifest = {
    "imagePullSecrets": ["registry"],
    "operator": {"nodeSelector": {"disk": "ssd"}, "podAnnotations": {"a": "b"}},
    "api": {
        "replicas": 3,
        "service": {"type": "LoadBalancer", "port": 80},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "podAnnotations": {"c": "d"},
        "corsOrigins": ["https://app.example.com"],
        "oidc": {"issuer": "https://id.example.com", "audience": "graphrun"},
    },
    "history": {"runsSeconds": 31536000},
    "networkPolicy": {
        "enabled": True,
        "runnerNamespaces": ["demo"],
        "extraEgress": [{"ports": [{"port": 3128}]}],
    },
    "rbac": {"aggregate": False},
}


@pytest.fixture(params=["helm 4", "helm 3"])
def helm(request: pytest.FixtureRequest) -> Helm:
    """Each Helm that people use."""
    return helm_4() if request.param == "helm 4" else helm_3()


def rendered(values: Manifest | None = None, helm: Helm | None = None, release: str = "graphrun") -> Any:
    return (helm or helm_4()).template("graphrun", merged(REQUIRED_VALUES, values or {}), release=release)


def names_of(made: Any) -> set[tuple[str, str]]:
    return {(item["kind"], item["metadata"]["name"]) for item in made.objects}


def pods(values: Manifest | None = None) -> dict[str, Manifest]:
    """The pod template of each Deployment."""
    found = [item for item in rendered(values).objects if item["kind"] == "Deployment"]
    return {item["metadata"]["name"]: item["spec"]["template"] for item in found}


def environment(container: Manifest) -> dict[str, Any]:
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container["env"]}


@pytest.mark.parametrize("values", [{}, GENEROUS], ids=["required values", "many values"])
def test_the_chart_is_lint_free_and_renders(helm: Helm, values: Manifest) -> None:
    linted = helm.lint("graphrun", merged(REQUIRED_VALUES, values))
    assert linted.succeeded, linted.text
    assert rendered(values, helm).objects


def test_both_helms_render_the_same() -> None:
    three, four = (rendered(GENEROUS, helm).objects for helm in (helm_3(), helm_4()))
    assert sorted(three, key=repr) == sorted(four, key=repr)


def test_the_objects_of_a_small_installation() -> None:
    assert names_of(rendered()) == {
        ("Deployment", "graphrun-operator"),
        ("Deployment", "graphrun-api"),
        ("Service", "graphrun-api"),
        ("Service", "graphrun-runner-api"),
        ("ServiceAccount", "graphrun-operator"),
        ("ServiceAccount", "graphrun-api"),
        ("Secret", "graphrun-postgres"),
        ("Secret", "graphrun-storage"),
        ("ClusterRole", "graphrun-operator"),
        ("ClusterRole", "graphrun-api"),
        ("ClusterRole", "graphrun-user"),
        ("ClusterRole", "graphrun-viewer"),
        ("ClusterRoleBinding", "graphrun-operator"),
        ("ClusterRoleBinding", "graphrun-api"),
        ("Role", "graphrun-operator"),
        ("RoleBinding", "graphrun-operator"),
        ("PodDisruptionBudget", "graphrun-operator"),
        ("Job", "graphrun-migrate"),
        ("Secret", "graphrun-migrate"),
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"postgres": {"dsn": ""}},
            "postgres.dsn is missing: set it (postgresql://user:password@host:5432/graphrun)",
        ),
        ({"storage": {"endpoint": ""}}, "storage.endpoint is missing: set it to your S3-compatible storage"),
        (
            {"storage": {"secretKey": ""}},
            "storage.accessKey and storage.secretKey are missing: set both, or name a",
        ),
        ({"storage": {"endpoint": "s3:8333"}}, "/storage/endpoint"),
        ({"postgres": {"dsn": "mysql://x"}}, "/postgres/dsn"),
        ({"operator": {"replicas": 11}}, "/operator/replicas"),
        ({"api": {"logLevel": "chatty"}}, "/api/logLevel"),
        ({"api": {"corsOrigins": ["https://app.example.com/path"]}}, "/api/corsOrigins/0"),
        ({"api": {"oidc": {"issuer": "https://id.example.com"}}}, "/api/oidc/audience"),
        ({"history": {"eventsSeconds": 60}}, "/history/eventsSeconds"),
        ({"api": {"service": {"port": 0}}}, "/api/service/port"),
        ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
        ({"storage": {"prefix": "/runs"}}, "/storage/prefix"),
        ({"operater": {}}, "operater"),
    ],
)
def test_wrong_values_are_refused_by_name(helm: Helm, values: Manifest, message: str) -> None:
    refused = rendered(values, helm)
    assert not refused.succeeded
    assert message in refused.text


def test_every_value_is_described_in_the_schema() -> None:
    schema = json.loads((CHARTS / "graphrun/values.schema.json").read_text())
    values = yaml.safe_load((CHARTS / "graphrun/values.yaml").read_text())

    def resolved(part: Manifest) -> Manifest:
        return schema["$defs"][part["$ref"].removeprefix("#/$defs/")] if "$ref" in part else part

    def walk(part: Manifest, values: Manifest, path: str) -> list[str]:
        missing = []
        for name, value in values.items():
            known = resolved(part.get("properties", {}).get(name, {}))
            if isinstance(value, dict) and "properties" in known:
                missing += walk(known, value, f"{path}{name}.")
            elif not known.get("description"):
                missing.append(f"{path}{name}")
        return missing

    assert walk(schema, values, "") == []


def test_secrets_hold_what_the_values_give() -> None:
    made = rendered()
    assert made.one("Secret", "graphrun-postgres")["stringData"] == {
        "dsn": REQUIRED_VALUES["postgres"]["dsn"]
    }
    assert made.one("Secret", "graphrun-storage")["stringData"] == {"accessKey": "ak", "secretKey": "sk"}


def test_existing_secrets_are_used_and_none_is_made() -> None:
    values = {
        "postgres": {"dsn": "", "existingSecret": {"name": "pg", "key": "url"}},
        "storage": {
            "accessKey": "",
            "secretKey": "",
            "existingSecret": {"name": "s3", "accessKeyKey": "id", "secretKeyKey": "key"},
        },
    }
    assert not [item for item in rendered(values).objects if item["kind"] == "Secret"]
    variables = environment(pods(values)["graphrun-api"]["spec"]["containers"][0])
    assert variables["GRAPHRUN_POSTGRES_DSN"] == {"secretKeyRef": {"name": "pg", "key": "url"}}
    assert variables["GRAPHRUN_STORAGE_ACCESS_KEY"] == {"secretKeyRef": {"name": "s3", "key": "id"}}
    assert variables["GRAPHRUN_STORAGE_SECRET_KEY"] == {"secretKeyRef": {"name": "s3", "key": "key"}}


def test_no_credential_stands_in_a_pod() -> None:
    assert "secret@" not in repr(pods())
    assert "'sk'" not in repr(pods())


def test_new_credentials_restart_the_api() -> None:
    before, after = (
        pods(values)["graphrun-api"]["metadata"]["annotations"]["checksum/secrets"]
        for values in ({}, {"storage": {"secretKey": "other"}})
    )
    assert before != after


def test_the_programs_get_settings_that_they_know() -> None:
    templates = pods()
    for name, settings in (("graphrun-operator", OperatorSettings), ("graphrun-api", ApiSettings)):
        known = {f"GRAPHRUN_{field.upper()}" for field in settings.model_fields}
        given = environment(templates[name]["spec"]["containers"][0])
        assert set(given) <= known
        required = {
            f"GRAPHRUN_{key.upper()}" for key, field in settings.model_fields.items() if field.is_required()
        }
        assert required <= set(given)


def test_runners_are_sent_to_the_service_made_for_them() -> None:
    made = rendered(release="prod")
    operator = made.one("Deployment", "prod-graphrun-operator")
    url = environment(operator["spec"]["template"]["spec"]["containers"][0])["GRAPHRUN_RUNNER_API_URL"]
    assert url == "http://prod-graphrun-runner-api.graphrun-system.svc:8081"
    service = made.one("Service", "prod-graphrun-runner-api")
    assert service["spec"]["ports"] == [{"name": "runner", "port": 8081, "targetPort": "runner"}]


def test_a_hook_migrates_with_the_dsn_of_this_very_release() -> None:
    made = rendered()
    job = made.one("Job", "graphrun-migrate")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "post-install,pre-upgrade"
    (migrate,) = job["spec"]["template"]["spec"]["containers"]
    assert migrate["command"] == ["python", "-m", "graphrun_api", "migrate"]
    (dsn,) = [each["valueFrom"]["secretKeyRef"] for each in migrate["env"] if "DSN" in each["name"]]
    secret = made.one("Secret", "graphrun-migrate")
    assert (dsn["name"], secret["stringData"][dsn["key"]]) == (
        "graphrun-migrate",
        secret["stringData"]["dsn"],
    )
    # The Secret is there before the Job, and as new as it.
    assert secret["metadata"]["annotations"]["helm.sh/hook"] == job["metadata"]["annotations"]["helm.sh/hook"]
    assert int(secret["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0


def test_the_hook_takes_the_dsn_from_a_secret_of_your_own() -> None:
    own = {"postgres": {"existingSecret": {"name": "mine", "key": "url"}}}
    made = rendered(own)
    (migrate,) = made.one("Job", "graphrun-migrate")["spec"]["template"]["spec"]["containers"]
    (dsn,) = [each["valueFrom"]["secretKeyRef"] for each in migrate["env"] if "DSN" in each["name"]]
    assert dsn == {"name": "mine", "key": "url"}
    assert ("Secret", "graphrun-migrate") not in names_of(made)


@pytest.mark.parametrize("name", ["graphrun-operator", "graphrun-api"])
def test_pods_are_restricted(name: str) -> None:
    spec = pods()[name]["spec"]
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


def test_probes_ask_the_documented_paths() -> None:
    templates = pods()
    asked = {}
    for name, template in templates.items():
        container = template["spec"]["containers"][0]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            get = container[probe]["httpGet"]
            asked[name, probe] = (ports[get["port"]], get["path"])
    assert asked == {
        ("graphrun-operator", "startupProbe"): (8082, "/healthz"),
        ("graphrun-operator", "livenessProbe"): (8082, "/healthz"),
        ("graphrun-operator", "readinessProbe"): (8082, "/readyz"),
        ("graphrun-api", "startupProbe"): (8080, "/healthz"),
        ("graphrun-api", "livenessProbe"): (8080, "/healthz"),
        ("graphrun-api", "readinessProbe"): (8080, "/readyz"),
    }


def test_a_new_operator_stands_by_before_an_old_one_goes() -> None:
    spec = rendered().one("Deployment", "graphrun-operator")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert {item["whenUnsatisfiable"] for item in spread} == {"ScheduleAnyway"}, "one node must do, too"
    assert all(item["labelSelector"]["matchLabels"] == spec["selector"]["matchLabels"] for item in spread)


@pytest.mark.parametrize("component", ["operator", "api"])
@pytest.mark.parametrize(("replicas", "budgets"), [(1, 0), (2, 1)])
def test_a_disruption_budget_comes_with_the_second_replica(
    component: str, replicas: int, budgets: int
) -> None:
    made = rendered({component: {"replicas": replicas}}).objects
    names = [item["metadata"]["name"] for item in made if item["kind"] == "PodDisruptionBudget"]
    assert names.count(f"graphrun-{component}") == budgets


def test_the_operator_may_touch_its_own_lease_alone() -> None:
    made = rendered(release="blue")
    (container,) = made.one("Deployment", "blue-graphrun-operator")["spec"]["template"]["spec"]["containers"]
    environ = environment(container)
    role = made.one("Role", "blue-graphrun-operator")
    own, creation = role["rules"]
    assert own["resourceNames"] == [environ["GRAPHRUN_LEASE_NAME"]]
    assert (own["verbs"], creation["verbs"]) == (["get", "patch"], ["create"])
    assert {tuple(rule["resources"]) for rule in role["rules"]} == {("leases",)}
    bound = made.one("RoleBinding", "blue-graphrun-operator")
    assert (bound["roleRef"]["name"], bound["subjects"][0]["name"]) == (role["metadata"]["name"],) * 2


def test_no_role_has_a_wildcard_or_reads_secrets() -> None:
    for role in (item for item in rendered().objects if item["kind"] == "ClusterRole"):
        for rule in role["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert "secrets" not in rule["resources"]


def test_network_policies_open_only_what_is_needed() -> None:
    policies = {
        item["metadata"]["name"]: item["spec"]
        for item in rendered({"networkPolicy": {"enabled": True, "runnerNamespaces": ["demo"]}}).objects
        if item["kind"] == "NetworkPolicy"
    }
    assert all(spec["policyTypes"] == ["Ingress", "Egress"] for spec in policies.values())
    api = policies["graphrun-api"]
    (runner_rule,) = [rule for rule in api["ingress"] if rule["ports"] == [{"port": 8081}]]
    assert runner_rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "runner"
    assert {"ports": [{"port": 5432}, {"port": 8333}]} in api["egress"]
    assert "ingress" not in policies["graphrun-runner"]


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [("https://s3.example.com", 443), ("http://minio", 80), ("https://minio:9000/", 9000)],
)
def test_the_policy_opens_the_storages_port(endpoint: str, port: int) -> None:
    made = rendered({"networkPolicy": {"enabled": True}, "storage": {"endpoint": endpoint}})
    egress = made.one("NetworkPolicy", "graphrun-api")["spec"]["egress"]
    assert {"ports": [{"port": 5432}, {"port": port}]} in egress
