"""For all tests: they depend on no machine's speed, and where one needs what is missing it fails and names the need."""

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("graphrun", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("graphrun")


@pytest.fixture(scope="session")
def root() -> None:
    """For tests that make namespaces, mounts or chroots."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.fail(
            "this test needs Linux and root (namespaces, mounts): run it as root, or leave its tier out"
        )
