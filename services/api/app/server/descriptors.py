"""How many files and sockets this process may have open, and how many of them may be callers. Opens none."""

import resource

MOST_DESCRIPTORS = 65_536
"""What a process asks for; more would cost memory in the kernel and serve nobody."""
_OWN = 32
"""Files of the process itself: journal, rollup, cache, listeners."""


def raise_limit() -> None:
    """Let this process and those that it starts open as many files as it may, within reason."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft not in (resource.RLIM_INFINITY, wanted) and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int:
    """As many callers as leave each a connection to a provider."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        soft = MOST_DESCRIPTORS
    return max(4, (soft - _OWN) // 2)
