"""Puts load on a server with a long list of addresses, in turn over all connections, by `wrk`.

Percentiles are of what a client waits for: a connection asks again as soon as it is answered.
"""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from running import WRK

SCRIPT = """
local paths, count, mark = {}, 0, ""
function init(args)
  wrk.headers["Accept"] = args[2]
  mark = args[3] or ""
  for path in io.lines(args[1]) do paths[#paths + 1] = path end
end
function request()
  count = count + 1
  local path = paths[(count - 1) % #paths + 1]
  return wrk.format("GET", mark == "" and path or path .. mark .. count)
end
function done(summary, latency)
  local errors = summary.errors
  print(string.format("\\n%d %d %.6f %.3f %.3f", summary.requests,
    errors.status + errors.timeout + errors.read + errors.connect, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """What came of load: `p50` and `p99` in milliseconds, `rate` in answers a second."""

    rate: float
    p50: float
    p99: float
    failed: int = 0


def stream(
    port: int, paths: Iterable[str], accept: str, mark: str, connections: int, seconds: int,
    folder: Path, timeout: int = 60,
) -> Figure:  # fmt: skip
    """Ask for the paths in turn for so many seconds; `folder` is for temporary files.

    With a `mark`, it and a number are appended to each, so that no two requests are the same.

    What takes longer than `timeout` seconds, or is answered by a status of failure, has failed.
    """
    if WRK is None:
        raise SystemExit("wrk is not installed; it is a package of Debian's")
    script, listed = folder / "stream.lua", folder / "paths.txt"
    script.write_text(SCRIPT, encoding="utf-8")
    listed.write_text("\n".join(paths) + "\n", encoding="utf-8")
    shape = ["-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={timeout}s"]
    command = [WRK, *shape, "-s", str(script), f"http://127.0.0.1:{port}", "--", str(listed)]
    ran = subprocess.run([*command, accept, mark], capture_output=True, text=True, check=True)  # noqa: S603
    answered, failed, spent, p50, p99 = map(float, ran.stdout.splitlines()[-1].split())
    return Figure((answered - failed) / spent, p50, p99, int(failed))
