"""Whose request it is: what the gateway limits and Flask shares out by, so both mean the same one.

The rule is werkzeug's `ProxyFix`: of X-Forwarded-For, only what the trusted proxies added counts.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

from werkzeug.http import parse_list_header

IPV6_PREFIX = 64
"""What one customer has, at least: single addresses would be changed at will."""


def peer_of(client: str) -> str:
    """The address of who is connected, from granian's `address:port`."""
    return client.rpartition(":")[0].strip("[]")


def address_of(peer: str, forwarded: Sequence[str], proxies: int) -> str:
    """The client's address: the peer's, or what the first of the trusted proxies saw.

    `forwarded` are the X-Forwarded-For fields in their order.
    """
    if not proxies:
        return peer
    seen = parse_list_header(",".join(forwarded))
    return seen[-proxies] if len(seen) >= proxies and seen[-proxies] else peer


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Whom an address stands for: itself, or of IPv6 its /64; a text that is none, itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), IPV6_PREFIX), strict=False))
