# SPDX-License-Identifier: BSD-3-Clause
"""How much memory this process can have at all, and refusing what is larger.

What is free at the moment is not asked: a system can make room, and two numbers that
change while one looks at them decide nothing. More than there is at all can only fail,
late, and on systems that promise more than they have by the death of the process.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

# So much every machine has: it is not asked for a small network.
_ALWAYS = 2**26

_CGROUPS = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")


def check(n_bytes: int, purpose: Callable[[], str]) -> None:
    """MemoryError when there are not so many bytes; the purpose is named in it."""
    if n_bytes > _ALWAYS and n_bytes > (most := limit()):
        raise MemoryError(
            f"{purpose()} needs {n_bytes} bytes, and this process can have {most}."
        )


def limit() -> int:
    """The least of what the machine has and the process may have, in bytes."""
    # Half of what can be addressed, so that no product of sizes overflows later on.
    return min((sys.maxsize // 2, *_machine(), *_limits_of_process(), *_cgroup()))


def _machine() -> Iterator[int]:
    """Memory and swap space."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not known to this system
        return
    if memory > 0:
        yield memory + _swap()


def _swap() -> int:
    try:
        lines = _MEMINFO.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if "SwapTotal" in line)


def _limits_of_process() -> Iterator[int]:
    """What ``ulimit`` says."""
    try:
        import resource
    except ImportError:
        return
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        most = resource.getrlimit(kind)[0]
        if most != resource.RLIM_INFINITY:
            yield most


def _cgroup() -> Iterator[int]:
    """What a container may have: version 2, then version 1, which is its own root."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            text = (_CGROUPS / name).read_text().strip()
        except OSError:
            continue
        if text.isdigit():  # else "max"
            swap = _CGROUPS / "memory.swap.max"
            more = swap.read_text().strip() if swap.exists() else "0"
            yield int(text) + (int(more) if more.isdigit() else _swap())
