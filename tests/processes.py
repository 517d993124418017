"""What all tests share that start processes: free ports, and children that do not outlive them."""

import ctypes
import signal
import socket
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_with_parent(by: int = signal.SIGKILL) -> None:
    """For `preexec_fn`: the kernel sends the child this signal when the thread that started it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by)
