"""The command line: ``python -m graphrun_devcluster COMMAND``. Results go to stdout, progress to stderr."""

import argparse
import os
import signal
import sys
from pathlib import Path

import graphrun_devcluster.demo.cli
import graphrun_devcluster.images.cli
import graphrun_devcluster.stack.cli
from graphrun_devcluster.components.build import ensure_components, handy_folder
from graphrun_devcluster.components.catalog import ALL_COMPONENTS, BUILT_AHEAD
from graphrun_devcluster.controlplane import ControlPlane
from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.choice import DEFAULT_NAME, choose_cluster, wanted_nodes
from graphrun_devcluster.providers.provider import Cluster, ServicePort


def main(argv: list[str] | None = None) -> int:
    """Run one command; return the exit code, 1 with one clear message when it could not be done."""
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except DevClusterError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands.

    A command sets ``run``, a function of the parsed arguments that returns an exit code or None.
    """
    parser = argparse.ArgumentParser(prog="graphrun-devcluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_cluster_commands(commands)
    _add_components(commands)
    _add_control_plane(commands)
    graphrun_devcluster.images.cli.add_commands(commands)
    # Last, because it extends the command `up` that is there already.
    graphrun_devcluster.stack.cli.add_commands(commands)
    graphrun_devcluster.demo.cli.add_commands(commands)
    return parser


def _add_cluster_name(command: argparse.ArgumentParser) -> None:
    """Add the option that says which cluster a command is about."""
    command.add_argument(
        "--name",
        default=os.environ.get("GRAPHRUN_CLUSTER_NAME") or DEFAULT_NAME,
        help="name of the cluster; default: $GRAPHRUN_CLUSTER_NAME or %(default)s",
    )


def _cluster_of(arguments: argparse.Namespace) -> Cluster:
    """Return the cluster that a command with a cluster's name is about."""
    return choose_cluster(arguments.name, Progress())


def _add_cluster_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    for name, run, about in (
        ("up", _up, "bring the cluster up, or mend it"),
        ("down", _down, "end the cluster and remove its data; the built components stay"),
        ("status", _status, "tell how each part of the cluster fares; exit code 1 when one is not well"),
        ("kubeconfig", _kubeconfig, "print the path of a kubeconfig that works from this machine"),
        ("load-image", _load_image, "make the images of an archive known to the nodes"),
        ("forward", _forward, "print an address on this machine that leads to a Service"),
    ):
        command = commands.add_parser(name, help=about, description=about)
        _add_cluster_name(command)
        command.set_defaults(run=run)
    commands.choices["up"].add_argument(
        "--nodes",
        type=int,
        help="how many nodes it is to have; default: $GRAPHRUN_NODES, else as many as it has, else 1",
    )
    commands.choices["load-image"].add_argument("archive", type=Path, help="an OCI or Docker archive (tar)")
    for argument, kind in (("namespace", str), ("service", str), ("port", int)):
        commands.choices["forward"].add_argument(argument, type=kind)


def _up(arguments: argparse.Namespace) -> None:
    cluster = _cluster_of(arguments)
    cluster.up(wanted_nodes() if arguments.nodes is None else arguments.nodes)
    sys.stdout.write(f"export KUBECONFIG={cluster.kubeconfig()}\nexport PATH={handy_folder()}:$PATH\n")


def _down(arguments: argparse.Namespace) -> None:
    _cluster_of(arguments).down()


def _status(arguments: argparse.Namespace) -> int:
    parts = _cluster_of(arguments).status()
    for part in parts:
        sys.stdout.write(f"{part.part:<26}{'ok' if part.healthy else 'NOT WELL':<10}{part.detail}\n")
    return 0 if all(part.healthy for part in parts) else 1


def _kubeconfig(arguments: argparse.Namespace) -> None:
    sys.stdout.write(f"{_cluster_of(arguments).kubeconfig()}\n")


def _load_image(arguments: argparse.Namespace) -> None:
    _cluster_of(arguments).load_image(arguments.archive)


def _forward(arguments: argparse.Namespace) -> None:
    target = ServicePort(arguments.namespace, arguments.service, arguments.port)
    sys.stdout.write(f"{_cluster_of(arguments).forward(target)}\n")


def _add_components(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "build the components into the cache, and print the folder to put on PATH"
    command = commands.add_parser("components", help=about, description=about)
    names = {component.name: component for component in ALL_COMPONENTS}
    command.add_argument(
        "component", nargs="*", help=f"which, of {', '.join(names)}; all but kind when none is named"
    )

    def run(arguments: argparse.Namespace) -> None:
        unknown = [name for name in arguments.component if name not in names]
        if unknown:
            command.error(f"no component is called {unknown[0]!r}: choose from {', '.join(names)}")
        wanted = [names[name] for name in arguments.component] or BUILT_AHEAD
        ensure_components(wanted, Progress())
        sys.stdout.write(f"{handy_folder()}\n")

    command.set_defaults(run=run)


def _add_control_plane(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "run a control plane without nodes until Ctrl-C; print its kubeconfig's path"
    command = commands.add_parser("control-plane", help=about, description=about)
    command.add_argument("--scheduler", action="store_true", help="run the scheduler too")
    command.add_argument("--audit", action="store_true", help="log every write in audit/audit.log")

    def run(arguments: argparse.Namespace) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with ControlPlane(scheduler=arguments.scheduler, audit=arguments.audit) as plane:
            sys.stdout.write(f"export KUBECONFIG={plane.kubeconfig}\n")
            sys.stdout.flush()
            signal.pause()

    command.set_defaults(run=run)
