"""The supervisor's settings, read once from the environment. No pydantic here: it would cost 100 ms and 15 MB."""

from collections.abc import Mapping
from typing import NamedTuple


class Settings(NamedTuple):
    """Where the API, the token and the files are, and how long things may take (seconds)."""

    api_url: str
    token_file: str
    desired_state_file: str
    work_dir: str
    grace_seconds: float
    start_seconds: float  # how long the API may be out of reach before the claim
    termination_log: str


class SettingMissing(Exception):
    """A variable that the supervisor needs is missing or no number."""


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the GRAPHRUN_* variables that the operator sets on the container.

    Raises:
        SettingMissing: names the variable and what it means.
    """
    url = environ.get("GRAPHRUN_API_URL", "")
    if not url.startswith(("http://", "https://")):
        raise SettingMissing("GRAPHRUN_API_URL: must be the http(s) address of the API's runner port")
    return Settings(
        api_url=url,
        token_file=environ.get("GRAPHRUN_TOKEN_FILE") or "/var/run/secrets/graphrun.dev/token",
        desired_state_file=environ.get("GRAPHRUN_DESIRED_STATE_FILE") or "/etc/graphrun/desired-state",
        work_dir=environ.get("GRAPHRUN_WORK_DIR") or "/work",
        grace_seconds=_seconds(environ, "GRAPHRUN_GRACE_SECONDS", 30.0),
        start_seconds=_seconds(environ, "GRAPHRUN_START_SECONDS", 300.0),
        termination_log=environ.get("GRAPHRUN_TERMINATION_LOG") or "/dev/termination-log",
    )


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name) or str(default)
    try:
        return float(text)
    except ValueError as error:
        raise SettingMissing(f"{name}: must be a number of seconds, is {text!r}") from error
