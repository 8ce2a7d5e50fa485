"""For all tests: what no test may depend on is how fast the machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile("graphrun", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("graphrun")
