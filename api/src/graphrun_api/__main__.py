"""`python -m graphrun_api` serves; `python -m graphrun_api migrate` brings the database to the newest schema."""

import logging
import os
import sys

import uvloop

from graphrun_api import logs
from graphrun_api.db.migrate import migrate
from graphrun_api.errors import ApiError
from graphrun_api.kube.connect import connect
from graphrun_api.server import serve
from graphrun_api.settings import MigrationSettings, Settings
from graphrun_core.errors import SettingsInvalid
from graphrun_core.settings import read_settings

log = logging.getLogger("graphrun_api")


async def _serve(settings: Settings) -> bool:
    cluster = await connect(os.environ)
    try:
        return await serve(settings, cluster)
    finally:
        await cluster.aclose()


def main(arguments: list[str]) -> int:
    """The program; answers its exit code."""
    try:
        if arguments == ["migrate"]:
            asked = read_settings(MigrationSettings, os.environ)
            logs.set_up(asked.log_level)
            uvloop.run(migrate(asked.postgres_dsn))
            return 0
        if arguments:
            sys.stderr.write("usage: python -m graphrun_api [migrate]\n")
            return 2
        settings = read_settings(Settings, os.environ)
        logs.set_up(settings.log_level)
        if not uvloop.run(_serve(settings)):
            return 1
    except (SettingsInvalid, ApiError) as error:
        sys.stderr.write(f"graphrun_api: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
