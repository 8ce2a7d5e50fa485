"""Puts an image that was written out blob by blob into one archive.

The archive is an OCI layout that also has Docker's ``manifest.json``, as `docker save` writes it, so that
containerd, kind and Docker all read it.
"""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def write_archive(folder: Path, reference: str, archive: Path) -> None:
    """Write the image in `folder` to `archive`.

    Args:
        folder: blobs named by the hex digits of their digest, and the manifest as ``manifest.json``
            (the ``dir:`` transport of containers/image).
        reference: the image's name and tag.
        archive: the file to write.
    """
    manifest = (folder / "manifest.json").read_bytes()
    content = json.loads(manifest)
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    with tarfile.open(archive, "w") as tar:  # what names the blobs comes first: readers need not search
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", _json(_index(digest, len(manifest), reference)))
        _add(tar, "manifest.json", _json(_docker_manifest(content, reference)))
        _add(tar, _blob_path(digest), manifest)
        for blob in dict.fromkeys(part["digest"] for part in (content["config"], *content["layers"])):
            tar.add(folder / blob.removeprefix("sha256:"), arcname=_blob_path(blob))


def _index(digest: str, size: int, reference: str) -> dict[str, Any]:
    names = {
        "io.containerd.image.name": reference,
        "org.opencontainers.image.ref.name": reference.rpartition(":")[2],
    }
    manifest = {"mediaType": MANIFEST_TYPE, "digest": digest, "size": size, "annotations": names}
    return {"schemaVersion": 2, "manifests": [manifest]}


def _docker_manifest(content: dict[str, Any], reference: str) -> list[dict[str, Any]]:
    layers = [_blob_path(layer["digest"]) for layer in content["layers"]]
    return [{"Config": _blob_path(content["config"]["digest"]), "RepoTags": [reference], "Layers": layers}]


def _blob_path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
