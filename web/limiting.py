"""How many requests one client may send; the gateway asks before it reads a body.

The windows are those of `limits`, from a client's first request on; each process counts its own.
"""

import math
import time
from typing import Any, NamedTuple

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from web.clients import address_of, network_of, peer_of

FREE = ("/health", "/ready", "/metrics")
FREE_BELOW = "/static/"


class Allowance(NamedTuple):
    """What a client is told of its limits: `retry_after` (seconds) is None if it may go on."""

    retry_after: int | None
    headers: list[tuple[str, str]]


class Limiter:
    """Counts the requests of each client: `rate` a minute, and of these `burst` a second.

    `RateLimit-Policy` and `RateLimit` are as draft-ietf-httpapi-ratelimit-headers-10 has them.
    """

    def __init__(self, rate: int, burst: int, proxies: int) -> None:
        self._proxies = proxies
        self._limits: dict[str, RateLimitItem] = {
            "burst": RateLimitItemPerSecond(min(burst, rate)),
            "minute": RateLimitItemPerMinute(rate),
        }
        self._windows = FixedWindowRateLimiter(MemoryStorage())
        policies = (
            f'"{name}";q={limit.amount};w={limit.get_expiry()}'
            for name, limit in self._limits.items()
        )
        self._policy = ("ratelimit-policy", ", ".join(policies))

    def take(self, scope: Any) -> Allowance | None:
        """Count a request (granian's scope); None where it is free."""
        if scope.path in FREE or scope.path.startswith(FREE_BELOW):
            return None
        forwarded = scope.headers.get_all("x-forwarded-for") if self._proxies else ()
        client = network_of(address_of(peer_of(scope.client), forwarded, self._proxies))
        is_within = all(self._windows.hit(limit, client) for limit in self._limits.values())
        return self._told(client, is_within)

    def _told(self, client: str, is_within: bool) -> Allowance:
        now = time.time()
        left, waits = [], [0]
        for name, limit in self._limits.items():
            window = self._windows.get_window_stats(limit, client)
            seconds = max(1, math.ceil(window.reset_time - now))
            left.append(f'"{name}";r={max(0, window.remaining)};t={seconds}')
            if window.remaining <= 0:
                waits.append(seconds)
        headers = [self._policy, ("ratelimit", ", ".join(left))]
        return Allowance(None if is_within else max(waits), headers)
