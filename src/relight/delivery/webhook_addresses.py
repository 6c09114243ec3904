"""Which web addresses may be called, and at which IP address: nothing inside the network unless the config names it.

The name is resolved once and the connection goes to what was checked, so that a second answer of the name server cannot
lead inside (SSRF, DNS rebinding).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from relight.base.errors import RejectError

_HTTPS_PORT, _HTTP_PORT = 443, 80
#: IPv6 prefixes behind which a translator may reach inside (RFC 6052, 8215).
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAddress:
    """One address to call."""

    host: str
    port: int
    #: Path and query.
    target: str
    is_tls: bool
    #: Whether the config lets it lie inside the network.
    may_be_private: bool

    @property
    def authority(self) -> str:
        """What the Host header says."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port in {_HTTPS_PORT, _HTTP_PORT} else f"{shown}:{self.port}"


def read_address(url: str, private: Sequence[str] = ()) -> WebAddress:
    """Return a web address; raises RejectError for one that may not be called, without showing it whole.

    Webhook addresses are secrets: they often hold the key in their path.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise RejectError("the address is no web address") from error
    if not host or not url.isascii() or any(c <= " " for c in url):
        raise RejectError("the address is no web address of printable ASCII")
    if parts.username is not None or parts.password is not None:
        raise RejectError(f"the address of '{host}' holds a login; put a token into its path")
    may_be_private = host in private
    if parts.scheme != "https" and not (parts.scheme == "http" and may_be_private):
        raise RejectError(f"'{host}' is called over https only, unless `delivery: webhook: private` names it")
    is_tls = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return WebAddress(
        host=host, port=port or (_HTTPS_PORT if is_tls else _HTTP_PORT), target=target, is_tls=is_tls,
        may_be_private=may_be_private,
    )  # fmt: skip


def is_outside(address: str) -> bool:
    """Return whether an IP address is one of the public internet; IPv4 inside IPv6 counts as what it holds."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is not None:
            found = inner
        elif any(found in network for network in _TRANSLATED):
            return False
    return found.is_global and not found.is_multicast


async def resolve(address: WebAddress) -> list[str]:
    """Return the IP addresses to try; RejectError where one lies inside, OSError where there is none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    inside = [one for one in addresses if not is_outside(one)]
    if inside and not address.may_be_private:
        raise RejectError(
            f"'{address.host}' is {inside[0]}, inside the network; `delivery: webhook: private` may name the host"
        )
    if not addresses:
        raise OSError(f"'{address.host}' has no address")
    return addresses
