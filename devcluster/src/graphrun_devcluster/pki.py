"""Keys and certificates of a cluster, made by openssl: all at once, or none."""

import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.errors import DevClusterError, MissingNeedError

DAYS = "3650"
"""Validity: longer than any development cluster lives."""


@dataclass(frozen=True)
class Pki:
    """The files of a cluster's identity; see `ensure_pki`."""

    folder: Path

    @property
    def ca(self) -> Path:
        """The certificate authority."""
        return self.folder / "ca.crt"

    @property
    def ca_key(self) -> Path:
        """Its key: the controller manager signs with it."""
        return self.folder / "ca.key"

    @property
    def tokens(self) -> Path:
        """The static tokens, in the form of ``--token-auth-file``."""
        return self.folder / "tokens.csv"

    def token(self, user: str) -> str:
        """Return the static token of `user`."""
        for line in self.tokens.read_text().splitlines():
            token, name, *_ = line.split(",")
            if name == user:
                return token
        raise DevClusterError(f"{self.tokens} names no user {user}: remove the cluster and bring it up again")


@dataclass(frozen=True)
class StaticUser:
    """A user that the cluster knows from its beginning, and the groups it is in."""

    name: str
    groups: tuple[str, ...]


ADMIN = StaticUser("admin", ("system:masters",))


def ensure_pki(folder: Path, names: Sequence[str], users: Sequence[StaticUser] = (ADMIN,)) -> Pki:
    """Make the cluster's keys in `folder` unless they are there already.

    Args:
        folder: where; it appears whole or not at all.
        names: subject alternative names of the API server, such as ``IP:127.0.0.1``.
        users: who gets a static token.

    Raises:
        MissingNeedError: there is no openssl.
    """
    if folder.is_dir():
        return Pki(folder)
    temporary = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True, mode=0o700)
    make = _Maker(temporary)
    make.authority()
    make.signed("apiserver", "/CN=kube-apiserver", ",".join(names))
    make.signed("kubelet-client", "/O=system:masters/CN=apiserver-kubelet")
    make.service_account_keys()
    lines = [f'{secrets.token_hex(16)},{user.name},{user.name},"{",".join(user.groups)}"\n' for user in users]
    (temporary / "tokens.csv").write_text("".join(lines))
    temporary.rename(folder)
    return Pki(folder)


@dataclass(frozen=True)
class ClientCertificate:
    """A client's certificate and its key, in PEM."""

    certificate: str
    key: str


def ensure_client_certificate(pki: Pki, user: StaticUser) -> ClientCertificate:
    """Make a client certificate of `user`, signed by the cluster's authority, unless it is there already.

    A running API server takes it at once, which it does not do with a new token.
    """
    folder = pki.folder / "clients" / user.name.replace(":", "-")
    if not folder.is_dir():
        temporary = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True, mode=0o700)
        organisations = "".join(f"/O={group}" for group in user.groups)
        _Maker(temporary, authority=pki.folder).signed("client", f"{organisations}/CN={user.name}")
        temporary.rename(folder)
    return ClientCertificate((folder / "client.crt").read_text(), (folder / "client.key").read_text())


class _Maker:
    """Calls openssl in one folder; `authority` is the folder of who signs, when it is another one."""

    def __init__(self, folder: Path, authority: Path | None = None) -> None:
        self._folder = folder
        self._authority = authority or folder

    def _openssl(self, *arguments: str) -> None:
        try:
            done = subprocess.run(
                ["openssl", *arguments], cwd=self._folder, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise MissingNeedError("openssl is missing: install the package `openssl`") from None
        if done.returncode:
            raise DevClusterError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")

    def _key(self, name: str) -> None:
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")

    def authority(self) -> None:
        self._key("ca")
        self._openssl(
            *("req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=graphrun-devcluster"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"),
            *("-days", DAYS, "-out", "ca.crt"),
        )

    def signed(self, name: str, subject: str, alternatives: str = "") -> None:
        self._key(name)
        self._openssl("req", "-new", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.csr")
        extensions = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=serverAuth,clientAuth"]
        extensions += ["authorityKeyIdentifier=keyid", "subjectKeyIdentifier=hash"]
        if alternatives:
            extensions.append(f"subjectAltName={alternatives}")
        (self._folder / f"{name}.ext").write_text("\n".join(extensions) + "\n")
        self._openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CAcreateserial"),
            *("-CA", str(self._authority / "ca.crt"), "-CAkey", str(self._authority / "ca.key")),
            *("-days", DAYS, "-extfile", f"{name}.ext", "-out", f"{name}.crt"),
        )

    def service_account_keys(self) -> None:
        # RSA: the widest understood key for service account tokens.
        self._openssl("genrsa", "-out", "sa.key", "2048")
        self._openssl("rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub")
