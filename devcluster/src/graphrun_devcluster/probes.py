"""Is it up? One HTTP question, asked from inside a network namespace where there is one."""

import http.client
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from graphrun_devcluster.netns import call_in_netns

ANSWER_SECONDS = 2.0
"""How long a healthy part may take to answer."""


@dataclass(frozen=True)
class HttpProbe:
    """A GET that a healthy process answers with 200.

    Attributes:
        url: what to ask. The certificate is not checked: only who started the process asks, by address.
        token: bearer token, when the path wants one.
        netns: the network namespace to ask from; None for the caller's own.
    """

    url: str
    token: str = ""
    netns: Path | None = None

    def holds(self) -> bool:
        """Ask once."""
        return _within(self.netns, self._ask)

    def _ask(self) -> bool:
        # http.client knows no proxies: these addresses are of this machine.
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=ANSWER_SECONDS, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            connection.request("GET", parts.path, headers=headers)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _within(netns: Path | None, ask: Callable[[], bool]) -> bool:
    return ask() if netns is None else call_in_netns(netns, ask)
