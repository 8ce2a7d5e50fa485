"""The command line and the environment: which verbs there are, and which bucket is meant."""

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from graphrun_checkpoints.commands import changing, checking, listing
from graphrun_checkpoints.commands.bucket import Bucket
from graphrun_checkpoints.config import StorageConfig
from graphrun_checkpoints.errors import MisconfiguredStore
from graphrun_checkpoints.format.encryption import Encryption
from graphrun_checkpoints.s3.minio_store import MinioStore

ENVIRONMENT = "GRAPHRUN_CHECKPOINTS_"
_DEFAULT_PREFIX = "graphrun/checkpoints"  # where a saver made with `from_config` and no prefix stores
_DEFAULT_REGION = "us-east-1"

_ABOUT = f"""\
Looks into a bucket of LangGraph checkpoints, verifies, measures and tidies it.

Each option before VERB may stand in the environment: {ENVIRONMENT}ENDPOINT, _BUCKET, _PREFIX,
_REGION, _KEYS_FILE. Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_SESSION_TOKEN, or from the web identity or pod identity that the environment names.

Exit code: 0 fine; 1 problems found, refused or failed; 2 the arguments make no sense."""


@dataclass(frozen=True)
class Settings:
    """Which bucket, and where in it.

    Attributes:
        prefix: The whole prefix of all keys; `ObjectStoreSaver.from_config` adds `/checkpoints` to its own.
        keys_file: Encryption keys as JSON, see `Encryption.from_json`.
    """

    endpoint: str
    bucket_name: str
    prefix: str
    region: str
    keys_file: Path | None

    def bucket(self) -> Bucket:
        """The bucket; nothing is sent yet.

        Raises:
            MisconfiguredStore: Something of the settings cannot be right, or the keys cannot be read.
        """
        config = StorageConfig(self.endpoint, self.bucket_name, region=self.region)
        return Bucket(MinioStore(config), self.prefix.strip("/"), self._encryption())

    def _encryption(self) -> Encryption | None:
        if self.keys_file is None:
            return None
        try:
            text = self.keys_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise MisconfiguredStore(f"keys file {self.keys_file} cannot be read: {error}") from error
        return Encryption.from_json(text)


def settings_of(
    parser: argparse.ArgumentParser, arguments: argparse.Namespace, environment: Mapping[str, str]
) -> Settings:
    """Options first, then the environment, then what is usual.

    Raises:
        SystemExit: With 2, if it is not told which bucket.
    """

    def told(option: str, usual: str | None = None) -> str:
        variable = ENVIRONMENT + option.upper()
        given: str | None = getattr(arguments, option)
        value = given if given is not None else environment.get(variable) or usual
        if value is None:
            parser.error(f"no {option}: give --{option}, or set the environment variable {variable}")
        return value

    keys_file = told("keys_file", "")
    return Settings(
        told("endpoint"),
        told("bucket"),
        told("prefix", _DEFAULT_PREFIX),
        told("region", _DEFAULT_REGION),
        Path(keys_file) if keys_file else None,
    )


def parser() -> argparse.ArgumentParser:
    """The parser of all verbs; each sets `run`, which answers whether all is fine."""
    result = argparse.ArgumentParser(
        "graphrun-checkpoints", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--endpoint", metavar="URL", help="the S3 API, such as http://host:port")
    result.add_argument("--bucket", help="the bucket")
    result.add_argument(
        "--prefix", help=f"prefix of all keys, the saver's own whole prefix; default: {_DEFAULT_PREFIX}"
    )
    result.add_argument("--region", help=f"the region to sign for; default: {_DEFAULT_REGION}")
    result.add_argument("--keys-file", metavar="FILE", help="encryption keys, as JSON")
    verbs = result.add_subparsers(required=True, metavar="VERB")
    _add_reading(verbs)
    _add_changing(verbs)
    return result


def duration(text: str) -> timedelta:
    """A length of time such as 90s, 45m, 1h or 2d."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time: give 90s, 45m, 1h or 2d")
    return timedelta(**{units[found[2]]: int(found[1])})


def at_least_one(text: str) -> int:
    """A number from 1."""
    if not re.fullmatch(r"0*[1-9]\d{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} must be a number from 1")
    return int(text)


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, about: str
) -> argparse.ArgumentParser:
    made = verbs.add_parser(
        name,
        help=about.partition(".")[0],
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--json", action="store_true", help="one JSON document, or one a line")
    return made


def _add_reading(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    ls = _verb(verbs, "ls", listing.LS)
    ls.add_argument("thread", nargs="?", metavar="THREAD")
    ls.add_argument("--ns", help="this namespace alone; the root is the empty text")
    ls.add_argument(
        "--limit", type=at_least_one, default=200, help="at most so many of each namespace; default: 200"
    )
    ls.set_defaults(run=listing.ls)
    show = _verb(verbs, "show", listing.SHOW)
    show.add_argument("thread", metavar="THREAD")
    show.add_argument("id", nargs="?", metavar="ID", help="a checkpoint; the newest without")
    show.add_argument("--ns", default="", help="its namespace; default: the root")
    show.set_defaults(run=listing.show)
    for name, about, run in (
        ("verify", checking.VERIFY, checking.verify),
        ("stats", checking.STATS, checking.stats),
    ):
        verb = _verb(verbs, name, about)
        verb.add_argument("thread", nargs="*", metavar="THREAD", help="all threads if none is named")
        verb.set_defaults(run=run)


def _add_changing(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    prune = _verb(verbs, "prune", changing.PRUNE)
    prune.add_argument("thread", nargs="+", metavar="THREAD")
    how = prune.add_mutually_exclusive_group()
    how.add_argument("--keep", type=at_least_one, default=1, help="checkpoints of each namespace; default: 1")
    how.add_argument("--delete", action="store_true", help="delete the threads whole")
    prune.add_argument("--yes", action="store_true", help="do not ask")
    prune.add_argument("--dry-run", action="store_true", help="tell what would go, remove nothing")
    prune.set_defaults(run=changing.prune)
    gc = _verb(verbs, "gc", changing.GC)
    gc.add_argument("thread", nargs="*", metavar="THREAD", help="all threads if none is named")
    gc.add_argument(
        "--grace", type=duration, default=timedelta(hours=1), help="such as 45m or 2d; default: 1h"
    )
    gc.add_argument("--dry-run", action="store_true", help="tell what would go, remove nothing")
    gc.set_defaults(run=changing.gc)
    copy = _verb(verbs, "copy", changing.COPY)
    copy.add_argument("source", metavar="SOURCE")
    copy.add_argument("target", metavar="TARGET")
    copy.set_defaults(run=changing.copy)
