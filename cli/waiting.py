"""Loops that run until somebody ends the command."""

import signal
import threading
from collections.abc import Callable
from types import FrameType


def until_stopped(*loops: Callable[[threading.Event], None]) -> None:
    """Run loops, each in a thread of its own, until SIGINT or SIGTERM, or until one of them ends.

    What a loop raises is raised here, once the others have ended.
    """
    stop = threading.Event()
    failures: list[BaseException] = []

    def work(loop: Callable[[threading.Event], None]) -> None:
        try:
            loop(stop)
        except BaseException as error:
            failures.append(error)
        finally:
            stop.set()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    threads = [threading.Thread(target=work, args=(loop,), daemon=True) for loop in loops]
    try:
        for thread in threads:
            thread.start()
        while not stop.wait(0.2):  # a signal's handler runs between waits
            pass
        for thread in threads:
            thread.join(15)
    finally:
        stop.set()
        for number, handler in before.items():
            signal.signal(number, handler)
    if failures:
        raise failures[0]
