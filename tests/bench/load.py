"""A lean HTTP/1.1 load generator: kept connections, one request at a time on each."""

import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What came back; times in seconds."""

    requests: int
    seconds: float
    latencies: list[float]
    """sorted"""
    body: bytes
    """of one answer"""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    def quantile(self, part: float) -> float:
        """Latency that `part` of the requests stay below."""
        return self.latencies[min(len(self.latencies) - 1, int(part * len(self.latencies)))]


def load(port: int, path: str, seconds: float, connections: int, accept: str = "application/json") -> Load:
    """GET `path` on each connection, again and again. Raises RuntimeError for any answer but 200."""
    return asyncio.run(_load(port, path, seconds, connections, accept))


async def _load(port: int, path: str, seconds: float, connections: int, accept: str) -> Load:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n\r\n".encode()
    latencies: list[float] = []
    last = b""
    begun = time.perf_counter()

    async def client() -> None:
        nonlocal last
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - begun < seconds:
            start = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            )
            last = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"{path}: {head.splitlines()[0]!r} {last[:500]!r}")
            latencies.append(time.perf_counter() - start)
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return Load(len(latencies), time.perf_counter() - begun, sorted(latencies), last)
