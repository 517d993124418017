"""Working one step ahead: the next item is made in a thread while the present one is used."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")
_END: Final = object()


def ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items in order, each made while the one before is used; whatever making one raises is raised
    in its place. The thread ends with the generator, an item that is being made is waited for."""
    with ThreadPoolExecutor(1, "ahead") as thread:
        coming = thread.submit(next, items, _END)
        while True:
            item = coming.result()
            if item is _END:
                return
            coming = thread.submit(next, items, _END)
            yield item  # type: ignore[misc]  # what is not the end is an item
