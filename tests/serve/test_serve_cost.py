"""What a start of ``mitmail serve --all`` costs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from serve.serving import ForProgram, soon_made

pytestmark = [
    pytest.mark.long,
    # A neighbour that works makes any of the numbers larger by half.
    pytest.mark.alone,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux' /proc"),
]

# Processor time until it is ready, in what importing mitmproxy takes on the same machine: 2.4 s
# where that takes 0.73, measured 2.9 to 3.5 of it. KiB.
READY, RSS = 4.2, 120_000
TIMES = 4  # a number is the least of as many: what disturbs only adds to it


def of_mitmproxy() -> float:
    """The seconds of processor time that importing mitmproxy takes."""
    before = os.times()
    command = [sys.executable, "-c", "import mitmproxy.addons.proxyserver"]
    subprocess.run(command, check=True, timeout=60)
    after = os.times()
    spent = after.children_user + after.children_system
    return spent - before.children_user - before.children_system


def of_start(home: Path) -> tuple[float, int]:
    """The seconds of processor time until it is ready, and its resident memory in KiB then."""
    with ForProgram(home, "--all", "--set", str(home / "most.set"), cold=True) as serving:
        assert serving.ready["ready"]
        process = Path("/proc") / str(serving.pid)
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        (resident,) = re.findall(r"VmRSS:\s+(\d+) kB", (process / "status").read_text())
    ticks = int(fields[11]) + int(fields[12])  # utime and stime: man 5 proc_pid_stat
    return ticks / 100, int(resident)  # USER_HZ is 100 on every machine with /proc


def test_the_whole_catalogue_is_ready_in_seconds_and_takes_little_memory(tmp_path: Path) -> None:
    (tmp_path / "most.set").write_text("\n".join(soon_made()))
    of_start(tmp_path)  # makes the keys, which are kept

    measured = [(of_mitmproxy(), *of_start(tmp_path)) for _ in range(TIMES)]

    unit, seconds, resident = (min(numbers) for numbers in zip(*measured, strict=True))
    print(f"ready after {seconds:.2f} s, importing mitmproxy {unit:.2f} s, {resident} KiB")
    assert seconds < READY * unit
    assert resident < RSS
