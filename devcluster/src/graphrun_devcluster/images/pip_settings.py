"""How pip reaches its index on this machine, as build secrets: used while an image is built, never kept in it."""

import configparser
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

CA_IN_BUILD = "/run/secrets/ca.crt"
"""Where a build finds the certificate authorities' bundle."""

FORWARDED = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries", "no-index")
"""pip's settings that say where packages come from; paths of this machine mean nothing inside a build."""

UV_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
"""uv's names for the index, for people who only set that."""

CA_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class BuildSecrets:
    """Files that a build may read while it runs, by secret id."""

    files: dict[str, Path]


def pip_config_files(environ: Mapping[str, str]) -> list[Path]:
    """Return the configuration files that pip would read, the weakest first."""
    home = Path(environ.get("HOME", "/"))
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", config_home / "pip" / "pip.conf"]
    named = environ.get("PIP_CONFIG_FILE")
    return [*files, Path(named)] if named else files


def forwarded_settings(environ: Mapping[str, str], config_files: list[Path]) -> dict[str, str]:
    """Return pip's settings to use inside a build: files first, variables over them, as pip does it."""
    parser = configparser.RawConfigParser()
    parser.read(config_files)
    uv_index = next((environ[name] for name in UV_INDEX if environ.get(name)), None)
    settings = {"index-url": uv_index} if uv_index else {}
    for section in ("global", "install"):
        if parser.has_section(section):
            settings |= {key: value for key, value in parser.items(section) if key in FORWARDED}
    variables = {key: environ.get(f"PIP_{key.upper().replace('-', '_')}") for key in FORWARDED}
    return settings | {key: value for key, value in variables.items() if value}


def certificate_bundle(environ: Mapping[str, str]) -> Path | None:
    """Return the bundle of certificate authorities that this machine is told to trust, if it is told."""
    return next(
        (Path(environ[name]) for name in CA_VARIABLES if environ.get(name) and Path(environ[name]).is_file()),
        None,
    )


@contextmanager
def build_secrets(environ: Mapping[str, str] | None = None) -> Iterator[BuildSecrets]:
    """Yield the secrets of a build; what is written for them is gone afterwards."""
    variables = os.environ if environ is None else environ
    bundle = certificate_bundle(variables)
    settings = forwarded_settings(variables, pip_config_files(variables))
    if bundle:
        settings["cert"] = CA_IN_BUILD
    with TemporaryDirectory(prefix="graphrun-build-") as folder:
        config = Path(folder) / "pip.conf"
        config.touch(mode=0o600)  # an index URL may hold a password
        lines = [f"{key} = {value.replace(chr(10), chr(10) + '    ')}" for key, value in settings.items()]
        config.write_text("\n".join(["[global]", *lines, ""]))
        yield BuildSecrets({"pip.conf": config} | ({"ca.crt": bundle} if bundle else {}))
