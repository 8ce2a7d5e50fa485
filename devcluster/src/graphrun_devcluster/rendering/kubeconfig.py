"""Kubeconfig files."""

import base64

import yaml


def render_kubeconfig(server: str, ca_pem: str, token: str) -> str:
    """Return a kubeconfig that needs no other file.

    Args:
        server: the API server's URL.
        ca_pem: the certificate authority's certificate.
        token: a bearer token.
    """
    ca = base64.b64encode(ca_pem.encode()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "graphrun", "cluster": {"server": server, "certificate-authority-data": ca}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "graphrun", "context": {"cluster": "graphrun", "user": "admin"}}],
        "current-context": "graphrun",
    }
    return yaml.safe_dump(config, sort_keys=False)
