"""The commands ``up``, with graphrun on the cluster, and ``env``."""

import argparse
import os
import sys
from collections.abc import Callable

from graphrun_devcluster.providers.choice import DEFAULT_NAME
from graphrun_devcluster.stack.environment import environment, export_lines
from graphrun_devcluster.stack.installing import up


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Make ``up`` install graphrun too, and add ``env``."""
    _extend_up(commands.choices["up"])
    about = "print export lines that lead a shell to the running cluster and its API"
    command = commands.add_parser("env", help=about, description=about)
    command.add_argument(
        "--name",
        default=os.environ.get("GRAPHRUN_CLUSTER_NAME") or DEFAULT_NAME,
        help="name of the cluster; default: $GRAPHRUN_CLUSTER_NAME or %(default)s",
    )
    command.set_defaults(run=_env)


def _extend_up(command: argparse.ArgumentParser) -> None:
    cluster_alone: Callable[[argparse.Namespace], int | None] = command.get_default("run")
    command.add_argument(
        "--cluster-only", action="store_true", help="leave out graphrun and its dependencies"
    )

    def run(arguments: argparse.Namespace) -> int | None:
        if arguments.cluster_only:
            return cluster_alone(arguments)
        up(arguments.name, nodes=arguments.nodes)
        return 0

    command.set_defaults(run=run)


def _env(arguments: argparse.Namespace) -> int:
    sys.stdout.write(export_lines(environment(arguments.name)))
    return 0
