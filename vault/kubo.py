"""The RPC API of a Kubo daemon (IPFS), as far as the vault needs it.

ipfshttpclient 0.7 was looked at and is not used here: it has no import of archives (`dag/import`), without
which many documents are one request each; it reads whole answers into memory, however long; and its timeout
starts anew with every byte, so that a slow peer holds the caller for ever. Its own version check refuses
every current Kubo, and what it asks of urllib3 ends with urllib3 3. Tests still compare with it.
"""

import json
import secrets
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlencode

from vault.cid import RAW, Cid
from vault.content import CorruptContent, MissingContent, StoreUnavailable, VaultError
from vault.dag import LARGEST_BLOCK
from vault.transport import Answer, AnswerTooLong, Endpoint
from vault.unixfs import LEAF_SIZE

_SHORT_ANSWER: Final = 1 << 20
# What Kubo 0.42 answers, always with HTTP status 500, where neither it nor a peer it knows has a block.
_NOT_FOUND: Final = ("not found", "could not find", "context deadline exceeded")
_MARGIN: Final = 2.0  # seconds by which the daemon gives up before we do, so that its own answer is heard

Parameters = list[tuple[str, str]]


class KuboRefusal(StoreUnavailable):
    """The daemon answered with an error; `reason` is its message."""


class Kubo:
    """A daemon's RPC API at a URL; `timeout` in seconds bounds every answer, and its search for a block."""

    def __init__(self, url: str, timeout: float, authorization: str | None = None) -> None:
        headers = {} if authorization is None else {"Authorization": authorization}
        self._search = f"{max(timeout - _MARGIN, timeout / 2):g}s"
        self.place = f"ipfs+{url}"
        self._endpoint = Endpoint(url + "/api/v0", timeout, self.place, headers)

    def close(self) -> None:
        """Close connections."""
        self._endpoint.close()

    def block(self, cid: Cid, *, search: bool = True) -> bytes:
        """One block, checked; `search` asks other peers too. Raises MissingContent, CorruptContent,
        StoreUnavailable.
        """
        limit = LEAF_SIZE if cid.codec == RAW else LARGEST_BLOCK
        try:
            block = self._about(cid, "block/get", [] if search else [("offline", "true")], limit)
        except AnswerTooLong:
            raise CorruptContent(cid, None) from None
        if not cid.verifies(block):
            raise CorruptContent(cid, Cid.of_block(block, cid.codec))
        return block

    def block_size(self, cid: Cid) -> int | None:
        """Bytes of a block that this node has itself; None where it has none."""
        try:
            answer = self._about(cid, "block/stat", [("offline", "true")], _SHORT_ANSWER)
        except MissingContent:
            return None
        except AnswerTooLong:
            raise StoreUnavailable(self.place, "block/stat: answered with too much") from None
        return int(self._json(answer)["Size"])

    def add_pins(self, pins: Iterable[Cid], name: str) -> None:
        """Pin DAGs that the node has whole. Raises MissingContent where one has a hole."""
        wanted = [str(pin) for pin in pins]
        parameters = [("arg", pin) for pin in wanted] + [("name", name), ("offline", "true")]
        answer = self._send("pin/add", parameters, _SHORT_ANSWER + 100 * len(wanted))
        if answer.status != 200:
            raise self._refused(answer, Cid.parse(wanted[0]))
        given = self._json(answer.content).get("Pins")
        if given != wanted:
            raise StoreUnavailable(self.place, f"pinned {given} instead of {wanted}")

    def remove_pin(self, pin: Cid) -> None:
        """Let go of a DAG; a pin that is not there is no error."""
        answer = self._send("pin/rm", [("arg", str(pin))], _SHORT_ANSWER)
        if answer.status != 200 and "not pinned" not in self._reason(answer):
            raise KuboRefusal(self.place, self._reason(answer))

    def remove_block(self, cid: Cid) -> None:
        """Remove a block that no pin holds. Raises StoreUnavailable where one does."""
        answer = self._send("block/rm", [("arg", str(cid)), ("force", "true")], _SHORT_ANSWER)
        said = answer.content.strip()  # nothing at all where it went well
        error = said and (self._json(said).get("Error") or self._json(said).get("Message"))
        if error:
            raise KuboRefusal(self.place, f"block {cid} cannot be replaced: {error}")

    def pins(self, name: str) -> Iterator[Cid]:
        """Recursive pins of exactly this name whose CIDs are of our kind."""
        query = [("type", "recursive"), ("stream", "true"), ("name", name)]
        for line in self._lines("pin/ls", query):
            if line.get("Name") == name and (cid := our_cid(line.get("Cid"))) is not None:
                yield cid

    def local_digests(self) -> Iterator[bytes]:
        """SHA-256 of all blocks that the node has, ours or not (it forgets their codecs)."""
        for line in self._lines("refs/local", []):
            if (cid := our_cid(line.get("Ref"))) is not None:
                yield cid.digest

    def import_archive(self, archive: Iterable[bytes]) -> None:
        """Store the blocks of a CAR, each checked by the node, without pinning any."""
        boundary = secrets.token_hex(16)
        answer = self._send(
            "dag/import",
            [("pin-roots", "false"), ("stats", "true")],
            _SHORT_ANSWER,
            body=_multipart(boundary, archive),
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        # An error on the way comes behind a status of 200, in place of the statistics at the end.
        lines = answer.content.splitlines()
        if answer.status != 200 or not lines or "Stats" not in self._json(lines[-1]):
            raise KuboRefusal(self.place, self._reason(answer))

    def ask(self, path: str) -> dict[str, Any]:
        """The JSON answer of a command without arguments."""
        answer = self._send(path, [], _SHORT_ANSWER)
        if answer.status != 200:
            raise KuboRefusal(self.place, self._reason(answer))
        return self._json(answer.content)

    def _about(self, cid: Cid, path: str, more: Parameters, limit: int) -> bytes:
        """An answer about one block. Raises MissingContent, StoreUnavailable, AnswerTooLong."""
        target = f"/{path}?{urlencode([('arg', str(cid)), ('timeout', self._search), *more])}"
        answer = self._endpoint.request("POST", target, limit=limit)
        if answer.status == 200:
            return answer.content
        raise self._refused(answer, cid)

    def _refused(self, answer: Answer, cid: Cid) -> VaultError:
        """What an answer other than 200 says; a 404 is of something else than the daemon's RPC API."""
        reason = self._reason(answer)
        if answer.status == 500 and any(text in reason for text in _NOT_FOUND):
            return MissingContent(cid)
        return KuboRefusal(self.place, reason)

    def _send(
        self,
        path: str,
        parameters: Parameters,
        limit: int,
        body: Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        target = f"/{path}?{urlencode(parameters)}"
        try:
            return self._endpoint.request("POST", target, limit=limit, body=body, headers=headers)
        except AnswerTooLong:
            raise StoreUnavailable(self.place, f"{path}: answered with more than {limit} bytes") from None

    def _lines(self, path: str, parameters: Parameters) -> Iterator[dict[str, Any]]:
        try:
            for status, text in self._endpoint.lines("POST", f"/{path}?{urlencode(parameters)}"):
                line = self._json(text)
                if status != 200 or line.get("Type") == "error" or line.get("Err"):
                    raise KuboRefusal(
                        self.place, f"{path}: {line.get('Message') or line.get('Err') or status}"
                    )
                yield line
        except AnswerTooLong:
            raise StoreUnavailable(self.place, f"{path}: answered with an endless line") from None

    def _json(self, text: bytes) -> dict[str, Any]:
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise StoreUnavailable(self.place, f"answered with {text[:80]!r} instead of a JSON object")
        return found

    def _reason(self, answer: Answer) -> str:
        text = answer.content[-2000:].decode(errors="replace").strip()
        try:
            return str(json.loads(text.splitlines()[-1])["Message"])
        except (ValueError, LookupError, TypeError):
            return f"HTTP status {answer.status}: {text[-200:]}"


def our_cid(text: object) -> Cid | None:
    """The CID in a daemon's answer; None where it is of a kind that the vault never writes."""
    try:
        return Cid.parse(str(text))
    except ValueError:
        return None


def _multipart(boundary: str, content: Iterable[bytes]) -> Iterator[bytes]:
    yield (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="file"; filename="blocks.car"\r\n'
        "Content-Type: application/vnd.ipld.car\r\n\r\n"
    ).encode()
    yield from content
    yield f"\r\n--{boundary}--\r\n".encode()
