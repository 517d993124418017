"""Off-chain content in S3-compatible storage: one object a CID, named by it, in a bucket of the member's own.

boto3 writes, lists and signs. Objects are read through vault.transport by the URLs it signs, because a body
that botocore reads is bounded in neither bytes nor time: a server that drips holds the caller for hours.
"""

import io
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from vault.cid import RAW, Cid, InvalidCid
from vault.content import (
    CorruptContent,
    MissingContent,
    Problem,
    Progress,
    Repair,
    StoreUnavailable,
    VaultError,
    checked,
    problems_of,
)
from vault.spool import VerifiedReader, disk_failed, spooled, unnamed_file
from vault.transport import Answer, AnswerTooLong, Endpoint
from vault.unixfs import LEAF_SIZE, Readable, cid_of

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

PART_SIZE: Final = 8 * 1024 * 1024
"""Bytes of one part of a large upload, and of one piece of a large download."""
LARGEST: Final = 16 * 1024**3
"""Bytes of the largest object that is read: what a server says of an object's size bounds nothing."""

_WORKERS: Final = 8
_ERROR_SIZE: Final = 64 * 1024
_URL_LIVES: Final = 300  # seconds
_ABANDONED_AFTER: Final = timedelta(days=1)
_CONTENT_RANGE: Final = re.compile(r"bytes \d+-\d+/(\d{1,15})")
_MISSING: Final = {"NoSuchKey", "404", "NotFound"}
_DENIED: Final = {"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_CODE: Final = re.compile(rb"<Code>([A-Za-z0-9]{1,60})</Code>")


class S3Store:
    """A Vault in `bucket` of the server at `endpoint`, below `prefix`; nothing is asked before it is needed.

    Credentials come from boto3's own chain: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or a
    role. `timeout` in seconds bounds one answer. Content on its way lies in unnamed files of `spool`.
    """

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        spool: Path,
        *,
        prefix: str = "",
        region: str = "us-east-1",
        timeout: float = 30.0,
    ) -> None:
        self._server = f"s3+{endpoint.rstrip('/')}"
        self._endpoint = Endpoint(endpoint, timeout, self._server)
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._spool = spool
        self._client: S3Client = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint,
            region_name=region,
            config=Config(
                signature_version="s3v4",
                connect_timeout=min(5.0, timeout),
                read_timeout=timeout,
                retries={"total_max_attempts": 3, "mode": "standard"},
                max_pool_connections=2 * _WORKERS,
                # Servers other than AWS's know no checksums in trailers; ours go in a header.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path"},
            ),
        )
        self._client.meta.events.register("before-call.s3", _follow_nowhere)
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="s3")
        self._transfer = TransferConfig(
            multipart_threshold=PART_SIZE, multipart_chunksize=PART_SIZE, max_concurrency=4
        )

    @property
    def place(self) -> str:
        """URL of bucket and prefix."""
        return f"{self._server}/{self._bucket}/{self._prefix}".rstrip("/")

    def close(self) -> None:
        """Close connections."""
        self._workers.shutdown(cancel_futures=True)
        self._endpoint.close()
        self._client.close()

    def _key(self, cid: Cid) -> str:
        return f"{self._prefix}{cid}"

    def put(self, content: bytes | Readable) -> Cid:
        """Keep one object; a stream passes through a file on disk, since its name is known at its end only.

        Raises StoreUnavailable, and what reading the stream raises.
        """
        if isinstance(content, bytes) and len(content) <= PART_SIZE:
            return self._put_small(content)
        cid, file = spooled(io.BytesIO(content) if isinstance(content, bytes) else content, self._spool)
        with file, self._failing(self._key(cid)):
            size = file.seek(0, io.SEEK_END)
            if size > LARGEST:
                raise StoreUnavailable(self.place, f"content of {size} bytes: more than {LARGEST}")
            file.seek(0)
            self._client.upload_fileobj(file, self._bucket, self._key(cid), Config=self._transfer)
        return cid

    def _put_small(self, content: bytes) -> Cid:
        cid = cid_of(content)
        with self._failing(self._key(cid)):
            if cid.codec == RAW:
                # The server compares it before the object is there.
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._key(cid),
                    Body=content,
                    ChecksumSHA256=b64encode(cid.digest).decode(),
                )
            else:
                self._client.put_object(Bucket=self._bucket, Key=self._key(cid), Body=content)
        return cid

    def put_many(self, contents: Sequence[bytes]) -> list[Cid]:
        """Keep many objects, several requests at a time; each is there whole or not at all."""
        return list(self._workers.map(self.put, contents))

    def get(self, cid: Cid) -> bytes:
        """The whole content. Raises MissingContent, CorruptContent, StoreUnavailable."""
        if cid.codec == RAW:
            return checked(cid, self._read(cid, None, LEAF_SIZE).content)
        return checked(cid, b"".join(self._pieces(cid)))

    def get_many(self, cids: Sequence[Cid]) -> list[bytes | VaultError]:
        """Content in the order asked for, several requests at a time."""
        return list(self._workers.map(self._get_or_error, cids))

    def _get_or_error(self, cid: Cid) -> bytes | VaultError:
        try:
            return self.get(cid)
        except VaultError as error:
            return error

    def open(self, cid: Cid) -> BinaryIO:
        """The content as a seekable stream: fetched into an unnamed file and checked there as a whole."""
        file = unnamed_file(self._spool)
        try:
            for piece in [self.get(cid)] if cid.codec == RAW else self._pieces(cid):
                try:
                    file.write(piece)
                except OSError as error:
                    raise disk_failed(str(self._spool), error) from error
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return io.BufferedReader(VerifiedReader(cid, file), LEAF_SIZE)

    def _pieces(self, cid: Cid) -> Iterator[bytes]:
        """An object in pieces of at most PART_SIZE bytes, unchecked."""
        start, total = 0, 1
        while start < total:
            answer = self._read(cid, start, PART_SIZE)
            if answer.status == 200:  # the server knows no ranges, and this is all
                yield answer.content
                return
            told = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range") or "")
            if told is None or not answer.content:
                raise StoreUnavailable(self._where(cid), "answered with a range that says nothing")
            total = int(told[1])
            if total > LARGEST:
                raise StoreUnavailable(self._where(cid), f"says it has {total} bytes: more than {LARGEST}")
            start += len(answer.content)
            yield answer.content

    def _read(self, cid: Cid, start: int | None, limit: int) -> Answer:
        """One GET, of a range of `limit` bytes, or of the whole, which is no longer.

        Raises MissingContent, CorruptContent, StoreUnavailable.
        """
        headers = {} if start is None else {"Range": f"bytes={start}-{start + limit - 1}"}
        with self._failing(self._key(cid)):
            url = self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": self._key(cid)}, ExpiresIn=_URL_LIVES
            )
        target = urlsplit(url)
        too_long: VaultError = CorruptContent(cid, None)  # more than content of this CID can have
        if start is not None:
            reason = f"gave more than the {limit} bytes that were asked for"
            too_long = StoreUnavailable(self._where(cid), reason)
        room = max(limit, _ERROR_SIZE)
        for last in (False, True):
            try:
                answer = self._endpoint.request(
                    "GET", f"{target.path}?{target.query}", limit=room, headers=headers
                )
            except AnswerTooLong:
                raise too_long from None
            if answer.status < 500 or last:
                break
        if answer.status in (200, 206) and len(answer.content) > limit:
            raise too_long
        if answer.status in (200, 206):
            return answer
        found = _CODE.search(answer.content)
        code = str(answer.status) if found is None else found[1].decode()
        if code in _MISSING:
            raise MissingContent(cid)
        raise StoreUnavailable(self._where(cid), _meaning(code))

    def has(self, cid: Cid) -> bool:
        """Whether there is an object of that name."""
        return self._size(cid) is not None

    def size(self, cid: Cid) -> int:
        """Bytes of the object. Raises MissingContent, StoreUnavailable."""
        size = self._size(cid)
        if size is None:
            raise MissingContent(cid)
        return size

    def _size(self, cid: Cid) -> int | None:
        with self._failing(self._key(cid)):
            try:
                return self._client.head_object(Bucket=self._bucket, Key=self._key(cid))["ContentLength"]
            except ClientError as error:
                if _code_of(error) not in _MISSING:
                    raise
        # A HEAD says 404 and no more, whatever is not there: object, bucket, or user. A GET says which.
        try:
            self._read(cid, 0, 1)
        except MissingContent:
            return None
        raise StoreUnavailable(self._where(cid), "is there and is not there, as the server says")

    def iterate(self) -> Iterator[Cid]:
        """CIDs of all objects below the prefix, page by page; names that are no CID are left out."""
        for name, _ in self._objects():
            try:
                yield Cid.parse(name)
            except InvalidCid:
                continue

    def verify_all(self, progress: Progress | None = None) -> Iterator[Problem]:
        """Read everything and name what is altered, unreadable, or no content of the vault."""
        cids: list[Cid] = []
        for name, _ in self._objects():
            try:
                cids.append(Cid.parse(name))
            except InvalidCid as error:
                yield Problem(None, f"{self.place}/{name}", f"foreign object in the store: {error.reason}")
        for problem in problems_of(self, cids, self.place, progress):
            if problem.cid is None or problem.reason != "is missing" or self.has(problem.cid):
                yield problem

    def _objects(self) -> Iterator[tuple[str, int]]:
        """(name without prefix, bytes) of all objects."""
        with self._failing(self._prefix):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
                for one in page.get("Contents", []):
                    yield one["Key"].removeprefix(self._prefix), one["Size"]

    def repair(self) -> Iterator[Repair]:
        """Remove parts of uploads broken off more than a day ago: they cost, and nobody sees them."""
        before = datetime.now(UTC) - _ABANDONED_AFTER
        with self._failing(self._prefix):
            pages = self._client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
                for one in page.get("Uploads", []):
                    if one["Initiated"] < before:
                        self._client.abort_multipart_upload(
                            Bucket=self._bucket, Key=one["Key"], UploadId=one["UploadId"]
                        )
                        yield Repair(None, f"{self.place}/{one['Key']}", "upload was broken off", healed=True)

    def status(self) -> dict[str, str | int | bool]:
        """Number of objects and their bytes."""
        sizes = [size for _, size in self._objects()]
        return {"store": "s3", "place": self.place, "contents": len(sizes), "bytes": sum(sizes)}

    def _where(self, cid: Cid) -> str:
        return f"{self.place}/{cid}"

    @contextmanager
    def _failing(self, key: str) -> Iterator[None]:
        """Say what server or client refuses as the vault's own error, naming bucket and key."""
        where = f"{self._server}/{self._bucket}/{key}"
        try:
            yield
        except ClientError as error:
            raise StoreUnavailable(where, _meaning(_code_of(error))) from error
        except Boto3Error as error:  # wraps what a transfer's own thread raised, its message included
            inner = error.__context__
            said = _meaning(_code_of(inner)) if isinstance(inner, ClientError) else type(error).__name__
            raise StoreUnavailable(where, said) from error
        except BotoCoreError as error:
            raise StoreUnavailable(where, str(error)) from error


def _follow_nowhere(context: dict[str, Any], **_: object) -> None:
    """Say that a request was redirected already: botocore else asks a redirecting server without end."""
    context.setdefault("s3_redirect", {})["redirected"] = True


def _code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code"))


def _meaning(code: str) -> str:
    """An S3 error code in words. Its message is left out: some servers put key ids into it."""
    if code in _DENIED:
        return f"access is denied ({code}): see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if code == "NoSuchBucket":
        return "there is no such bucket"
    return f"the server answered {code}"
