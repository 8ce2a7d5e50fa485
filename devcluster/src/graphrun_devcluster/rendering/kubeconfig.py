"""Kubeconfig files."""

import base64
from collections.abc import Mapping

import yaml


def render_kubeconfig(server: str, ca_pem: str, token: str) -> str:
    """Return a kubeconfig that needs no other file.

    Args:
        server: the API server's URL.
        ca_pem: the certificate authority's certificate.
        token: a bearer token.
    """
    return _render(server, ca_pem, {"token": token})


def render_certificate_kubeconfig(server: str, ca_pem: str, certificate_pem: str, key_pem: str) -> str:
    """Return a kubeconfig that needs no other file, of a user with a client certificate.

    Args:
        server: the API server's URL.
        ca_pem: the certificate authority's certificate.
        certificate_pem: the client's certificate.
        key_pem: its key.
    """
    user = {
        "client-certificate-data": _base64(certificate_pem),
        "client-key-data": _base64(key_pem),
    }
    return _render(server, ca_pem, user)


def _render(server: str, ca_pem: str, user: Mapping[str, str]) -> str:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "graphrun", "cluster": {"server": server, "certificate-authority-data": _base64(ca_pem)}}
        ],
        "users": [{"name": "admin", "user": dict(user)}],
        "contexts": [{"name": "graphrun", "context": {"cluster": "graphrun", "user": "admin"}}],
        "current-context": "graphrun",
    }
    return yaml.safe_dump(config, sort_keys=False)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
