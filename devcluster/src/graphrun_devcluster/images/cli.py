"""The command ``images``."""

import argparse
import sys

from graphrun_devcluster.images.build import ensure_images
from graphrun_devcluster.images.catalog import ALL_IMAGES
from graphrun_devcluster.progress import Progress


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``images`` to the command line."""
    about = "build the images that changed, and print name, reference, archive and size of each"
    command = commands.add_parser("images", help=about, description=about)
    names = {spec.name: spec for spec in ALL_IMAGES}
    command.add_argument("image", nargs="*", help=f"which, of {', '.join(names)}; all when none is named")

    def run(arguments: argparse.Namespace) -> int:
        unknown = [name for name in arguments.image if name not in names]
        if unknown:
            command.error(f"no image is called {unknown[0]!r}: choose from {', '.join(names)}")
        wanted = [names[name] for name in arguments.image] or list(ALL_IMAGES)
        for image in ensure_images(wanted, Progress()):
            line = f"{image.spec.name}\t{image.reference}\t{image.archive}\t{image.megabytes:.0f} MB\n"
            sys.stdout.write(line)
        return 0

    command.set_defaults(run=run)
