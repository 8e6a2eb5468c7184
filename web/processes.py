"""granian's first process: what it does when a worker ends, and when it is told to reload or end.

The workers answer SIGHUP by looking for something newer to serve, and SIGUSR1 by not being ready.
"""

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from granian.server.mp import MPServer

FAILED = 1
"""The status of a worker that has said why it cannot serve; another would say the same."""
log = logging.getLogger("etiograph")


def is_new(record: logging.LogRecord) -> bool:
    """Whether granian says what nobody else does: that a worker ended, it or we say better."""
    return not record.getMessage().startswith("Unexpected exit")


class Server(MPServer):
    """granian would answer SIGHUP with new workers; ours replace what they serve.

    After SIGTERM the service is not ready for `drain_seconds`, and ends then, or at a second one.
    """

    drain_seconds = 0.0
    _is_draining = False

    @property
    def respawn_failed_workers(self) -> bool:
        """Whether those that ended are replaced."""
        return all(self.wrks[place].inner.exitcode != FAILED for place in self.interrupt_children)

    @respawn_failed_workers.setter
    def respawn_failed_workers(self, _: bool) -> None:
        """granian sets what it was started with."""

    def _respawn_workers(self, workers: Sequence[int], *arguments: Any, **options: Any) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        for place in workers:
            ended = self.wrks[place].inner
            extra = {"event": "respawn", "fields": {"pid": ended.pid, "status": ended.exitcode}}
            log.error("a worker ended, and another takes its place", extra=extra)
            mark_process_dead(ended.pid)  # type: ignore[no-untyped-call]
        super()._respawn_workers(workers, *arguments, **options)

    def signal_handler_reload(self, *_: int | FrameType | None) -> None:
        self._tell(signal.SIGHUP)

    def signal_handler_interrupt(self, *arguments: Any, **options: Any) -> None:
        end: Callable[..., None] = super().signal_handler_interrupt
        if self._is_draining or not self.drain_seconds or signal.SIGTERM not in arguments:
            end(*arguments, **options)
            return
        self._is_draining = True
        self._tell(signal.SIGUSR1)
        timer = threading.Timer(self.drain_seconds, end, arguments, options)
        timer.daemon = True
        timer.start()

    def _tell(self, number: signal.Signals) -> None:
        for worker in self.wrks:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.inner.pid, number)
