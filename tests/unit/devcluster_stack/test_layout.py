"""An archive of an image has what containerd and what Docker look for."""

import hashlib
import json
import tarfile
from pathlib import Path

from graphrun_devcluster.images.layout import write_archive
from graphrun_devcluster.oci_archive import archived_images

REFERENCE = "localhost/graphrun-x:abc"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_archive_names_every_blob_by_its_digest(tmp_path: Path) -> None:
    folder = tmp_path / "image"
    folder.mkdir()
    blobs = {_digest(content): content for content in (b"config", b"layer one", b"layer two")}
    for digest, content in blobs.items():
        (folder / digest.removeprefix("sha256:")).write_bytes(content)
    config, *layers = blobs
    twice = [*layers, layers[0]]  # an image may have the same (empty) layer more than once
    manifest = {"config": {"digest": config}, "layers": [{"digest": digest} for digest in twice]}
    (folder / "manifest.json").write_text(json.dumps(manifest))

    write_archive(folder, REFERENCE, tmp_path / "image.tar")

    manifest_digest = _digest((folder / "manifest.json").read_bytes())
    assert archived_images(tmp_path / "image.tar") == {REFERENCE: manifest_digest}
    with tarfile.open(tmp_path / "image.tar") as tar:
        names = tar.getnames()
        contents = {name: file.read() for name in names if (file := tar.extractfile(name))}
    assert len(names) == len(set(names))
    assert names[:3] == ["oci-layout", "index.json", "manifest.json"]
    (docker,) = json.loads(contents["manifest.json"])
    assert docker["RepoTags"] == [REFERENCE]
    assert [_digest(contents[path]) for path in docker["Layers"]] == twice
    assert _digest(contents[docker["Config"]]) == config
    assert contents[f"blobs/{manifest_digest.replace(':', '/')}"] == (folder / "manifest.json").read_bytes()
