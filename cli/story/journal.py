"""What the story has sent: each request is written down before it is posted.

So a story that was interrupted goes on with the same signed bytes, and nothing happens twice.
"""

import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from chain.requests import Request
from cli.client import ApiClient
from cli.failure import Exit, Failure


class Journal:
    """Posts requests once each, by step; waits `patience` seconds for a service that is away."""

    def __init__(self, folder: Path, api: Callable[[], ApiClient], patience: float = 60.0) -> None:
        self._folder = folder
        self._api = api
        self._patience = patience
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def count(self) -> int:
        """How many steps were written down."""
        return sum(1 for _ in self._folder.glob("*.json"))

    def submit(self, step: str, make: Callable[[], tuple[str, Request]], wait: bool = True) -> dict[str, Any]:
        """The settled operation of a signed request. Raises Failure with the contract's own reason."""

        def body() -> dict[str, Any]:
            path, request = make()
            return {"path": path, "body": request.to_json(), "headers": {}}

        return self._settled(step, body, wait)

    def operate(self, step: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """As `submit`, for what is no `Request`: `make` gives `path`, `body` (JSON) and `headers`."""
        return self._settled(step, make, wait=True)

    def capture(self, step: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The finished capture job of an EPCIS document: `make` gives `path`, `text` and `headers`."""
        job: dict[str, Any] = {"captureID": "", "running": True}
        try:
            job = self._post(step, self._written(step, make), wait=True)
        except Failure as failure:
            if not _is_over(failure):
                raise
            self._file(step).unlink()
            job = self._post(step, self._written(step, make), wait=True)
        until = time.monotonic() + self._patience
        while job["running"] and time.monotonic() < until:
            time.sleep(0.05)
            job = self._patiently(partial(self._api().get, f"/epcis/capture/{job['captureID']}"))
        if job["running"] or not job["success"]:
            raise Failure(
                f"capture {job['captureID']}: {job.get('errors') or 'is not finished'}", problem=job
            )
        return job

    def _settled(self, step: str, make: Callable[[], dict[str, Any]], wait: bool) -> dict[str, Any]:
        try:
            operation = self._post(step, self._written(step, make), wait)
        except Failure as failure:
            if not _is_over(failure):
                raise
            # It was never included before its deadline, and never will be: sign again.
            self._file(step).unlink()
            operation = self._post(step, self._written(step, make), wait)
        return self._ended(operation) if wait else operation

    def request(self, step: str) -> dict[str, Any]:
        """The JSON body that a step posted, or will post again."""
        body: dict[str, Any] = json.loads(self._file(step).read_text(encoding="utf-8"))["body"]
        return body

    def _ended(self, operation: dict[str, Any]) -> dict[str, Any]:
        latest = operation

        def ask() -> dict[str, Any]:
            nonlocal latest
            if latest.get("status") in ("queued", "signed", "sent"):
                latest = self._api().get(f"/operations/{latest['id']}")
            return self._api().settled(latest)

        found: dict[str, Any] = self._patiently(ask)
        return found

    def _post(self, step: str, written: dict[str, Any], wait: bool) -> Any:
        body = written["text"] if "text" in written else json.dumps(written["body"])
        headers = dict(written["headers"])
        if not wait:
            headers["Prefer"] = "wait=0"
        return self._patiently(lambda: self._api().post(written["path"], body.encode(), headers))

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        until = time.monotonic() + self._patience
        while True:
            try:
                return ask()
            except Failure as failure:
                if failure.code != Exit.UNREACHABLE or time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def _file(self, step: str) -> Path:
        return self._folder / f"{step}.json"

    def _written(self, step: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        path = self._file(step)
        if path.exists():
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return found
        made: dict[str, Any] = self._patiently(make)
        part = path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            json.dump(made, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        return made


def _is_over(failure: Failure) -> bool:
    problem = failure.problem or {}
    error = problem.get("contract") or problem.get("error") or {}
    name = error.get("error") if isinstance(error, dict) else None
    return name == "DeadlineExpired" or str(problem.get("type", "")).endswith("/deadline-expired")
