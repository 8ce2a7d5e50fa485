"""graphrun installed on a development cluster: bring it up, and find out how to reach it."""

from graphrun_devcluster.stack.environment import Environment, environment
from graphrun_devcluster.stack.installing import up

__all__ = ["Environment", "environment", "up"]
