"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer


def order_hash(text: str) -> str:
    """An order's hash: the text itself, or that of the signed order file it names. Raises Failure."""
    if text.startswith("0x"):
        return text.lower()
    from cli.failure import Exit, Failure
    from cli.files import read_table
    from cli.signed_order import is_signed_order, read_signed_order

    record = read_table(Path(text))
    if not is_signed_order(record):
        raise Failure(f"{text}: is neither a hash (0x…) nor a signed order file", Exit.UNCHECKED)
    return "0x" + read_signed_order(record).hash.hex()


As = Annotated[
    str, typer.Option("--as", metavar="KEY", help="Local key that signs; see `tradeseal key list`.")
]
AsSeveral = Annotated[
    list[str], typer.Option("--as", metavar="KEY", help="Local key that signs; may be given several times.")
]
AsMaybe = Annotated[
    str | None, typer.Option("--as", metavar="KEY", help="Local key that signs; see `tradeseal key list`.")
]
GlnArgument = Annotated[str, typer.Argument(metavar="GLN", help="Party GLN, 13 digits.")]
ItemArgument = Annotated[str, typer.Argument(metavar="ITEM", help="Digital Link, EPC URN, or GTIN/SERIAL.")]
HashArgument = Annotated[
    str,
    typer.Argument(
        metavar="ORDER", help="The order's hash (0x and 64 digits), or its signed file.", parser=order_hash
    ),
]
RpcOption = Annotated[
    str | None, typer.Option("--rpc", metavar="URL", help="JSON-RPC endpoint; TRADESEAL_RPC_URL otherwise.")
]
Evidence = Annotated[
    str,
    typer.Option(
        "--evidence",
        metavar="FILE|0x…",
        help="What it rests on: a file, whose SHA-256 is recorded, or the hash.",
    ),
]
Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="File to write.")]


def evidence_hash(text: str) -> bytes:
    """The 32 bytes that a 0x text is, or the SHA-256 of the file it names. Raises Failure."""
    from hashlib import sha256

    from cli import acts
    from cli.files import read_bytes

    if text.startswith("0x"):
        return acts.hash32(text, "evidence")
    return sha256(read_bytes(Path(text))).digest()
