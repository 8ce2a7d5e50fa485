"""The one end of a kubelet that the API server asks for logs, over TLS: a node of the real API server's with no containers."""

import asyncio
import ssl
import subprocess
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from support.api_world import MERGE, Json, Kube

_CURVE = "ec_paramgen_curve:prime256v1"
_SELF_SIGNED = (
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    _CURVE,
    "-nodes",
    "-subj",
    "/CN=kubelet",
)


@dataclass
class Kubelet:
    """Answers each request for a log with `log`, and while `follow` is asked for with what comes until `end`."""

    node: str
    log: bytes = b""
    requests: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    more: "asyncio.Queue[bytes]" = field(default_factory=asyncio.Queue)

    async def write(self, data: bytes) -> None:
        """The container writes; b"" ends it."""
        await self.more.put(data)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            url = urlsplit(head.split(" ")[1])
            query = parse_qs(url.query)
            self.requests.append((url.path, query))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
            await self._chunk(writer, self.log)
            while "follow" in query and (data := await self.more.get()):
                await self._chunk(writer, data)
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _chunk(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if data:
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await writer.drain()


@asynccontextmanager
async def kubelet_of(kube: Kube, folder: Path) -> AsyncIterator[Kubelet]:
    """A node whose kubelet this is, gone afterwards."""
    made = Kubelet(f"node-{uuid.uuid4().hex[:8]}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*await asyncio.to_thread(_certificate, folder))
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
    try:
        port: int = server.sockets[0].getsockname()[1]
        await _add_node(kube, made.node, port)
        yield made
    finally:
        await kube.call("DELETE", f"/api/v1/nodes/{made.node}")
        server.close()


async def bind(kube: Kube, pod: Json, kubelet: Kubelet) -> None:
    """Put a pod on the node."""
    meta = pod["metadata"]
    body = {
        "metadata": {"name": meta["name"]},
        "target": {"apiVersion": "v1", "kind": "Node", "name": kubelet.node},
    }
    await kube.call("POST", f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/binding", body)


async def _add_node(kube: Kube, name: str, port: int) -> None:
    await kube.call("POST", "/api/v1/nodes", {"metadata": {"name": name}})
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }
    await kube.call("PATCH", f"/api/v1/nodes/{name}/status", {"status": status}, MERGE)


def _certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "kubelet.crt", folder / "kubelet.key"
    subprocess.run(
        [*_SELF_SIGNED, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return certificate, key
