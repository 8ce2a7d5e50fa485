"""Image archives: what is in one, and making one of a single static binary."""

import hashlib
import io
import json
import platform
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphrun_devcluster.errors import DevClusterError

NAME_ANNOTATIONS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
"""Where an OCI index keeps an image's name, in the order in which containerd looks."""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Machines in the words of Go, which images use."""


def archived_images(archive: Path) -> dict[str, str]:
    """Return name to digest of the images in an OCI archive; empty for a Docker archive without an index.

    Raises:
        DevClusterError: it is no archive of images.
    """
    try:
        with tarfile.open(archive) as tar:
            index = next((member for member in tar if member.name in {"index.json", "./index.json"}), None)
            content = tar.extractfile(index) if index else None
            if content is None:
                return {}
            manifests = json.load(content)["manifests"]
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        raise DevClusterError(f"{archive} is no archive of images: {error}") from error
    named = ((_name(manifest), str(manifest["digest"])) for manifest in manifests)
    return {name: digest for name, digest in named if name}


def _name(manifest: dict[str, Any]) -> str:
    annotations = manifest.get("annotations") or {}
    return next((annotations[key] for key in NAME_ANNOTATIONS if annotations.get(key)), "")


@dataclass(frozen=True)
class BinaryImage:
    """An image that holds one static binary and nothing else.

    Attributes:
        name: the image's name with its tag.
        binary: the binary on this machine.
        path: the binary in the image, without the slash at its beginning; also its entry point.
    """

    name: str
    binary: Path
    path: str


def write_binary_image(archive: Path, image: BinaryImage) -> None:
    """Write an OCI archive of `image` for this machine; the same binary gives the same bytes."""
    layer = _tar({image.path: (image.binary.read_bytes(), 0o755)})
    config = _json(
        {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Entrypoint": [f"/{image.path}"], "User": "65535:65535", "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        }
    )
    described = _descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    described["annotations"] = {NAME_ANNOTATIONS[1]: image.name}
    files = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"})}
    files["index.json"] = _json({"schemaVersion": 2, "manifests": [described]})
    files |= {f"blobs/sha256/{_digest(blob)[7:]}": blob for blob in (layer, config, manifest)}
    temporary = archive.with_name(f".{archive.name}.new")
    temporary.write_bytes(_tar({path: (content, 0o644) for path, content in files.items()}))
    temporary.replace(archive)


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, (content, mode) in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), mode
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}
