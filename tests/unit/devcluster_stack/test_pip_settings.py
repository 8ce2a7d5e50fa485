"""What a build learns of this machine: where packages come from, and whom to trust. No paths of the machine."""

import configparser
from pathlib import Path

import pytest

from graphrun_devcluster.images.pip_settings import (
    CA_IN_BUILD,
    build_secrets,
    certificate_bundle,
    forwarded_settings,
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "pip.conf"
    path.write_text(
        "[global]\nindex-url = https://index.example/simple\ncert = /some/ca.pem\nno-cache-dir = 1\n"
    )
    return path


def test_settings_come_from_files_without_paths_of_the_machine(config: Path) -> None:
    assert forwarded_settings({}, [config]) == {"index-url": "https://index.example/simple"}


def test_variables_win_over_files_and_files_over_uv(config: Path) -> None:
    assert forwarded_settings({"PIP_INDEX_URL": "https://a"}, [config])["index-url"] == "https://a"
    assert forwarded_settings({"UV_DEFAULT_INDEX": "https://uv"}, [config])["index-url"] != "https://uv"
    assert forwarded_settings({"UV_DEFAULT_INDEX": "https://uv"}, [])["index-url"] == "https://uv"


def test_folders_of_wheels_on_this_machine_are_not_forwarded() -> None:
    assert forwarded_settings({"PIP_FIND_LINKS": "/wheels"}, []) == {}


def test_first_bundle_that_exists_is_trusted(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    named = {"PIP_CERT": str(tmp_path / "missing"), "SSL_CERT_FILE": str(bundle)}
    assert certificate_bundle(named) == bundle
    assert certificate_bundle({}) is None


def test_secrets_are_readable_by_the_owner_alone_and_gone_afterwards(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    environ = {
        "HOME": str(tmp_path),
        "PIP_CERT": str(bundle),
        "PIP_INDEX_URL": "https://user:pass@index.example",
    }
    with build_secrets(environ) as secrets:
        written = secrets.files["pip.conf"]
        parser = configparser.RawConfigParser()
        parser.read(written)
        assert parser.get("global", "cert") == CA_IN_BUILD
        assert parser.get("global", "index-url") == "https://user:pass@index.example"
        assert written.stat().st_mode & 0o077 == 0
        assert secrets.files["ca.crt"] == bundle
    assert not written.exists()
    assert bundle.exists()


def test_settings_of_several_lines_stay_one_setting(tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nextra-index-url =\n    https://a\n    https://b\n")
    with build_secrets({"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(config)}) as secrets:
        parser = configparser.RawConfigParser()
        parser.read(secrets.files["pip.conf"])
        assert parser.get("global", "extra-index-url").split() == ["https://a", "https://b"]
