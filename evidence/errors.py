"""Why a capture or attestation was refused, each with what the caller needs to do better."""

from collections.abc import Sequence
from typing import Any

from chain.abi_errors import Revert
from evidence.signed_fields import Difference


class CaptureError(Exception):
    """Base of every refusal; nothing was written."""


class TooLarge(CaptureError):
    """A body or document beyond a limit (HTTP 413)."""

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(f"{what}: {size} given, {limit} are allowed")
        self.what = what
        self.size = size
        self.limit = limit


class SignatureRequired(CaptureError):
    """No signature came with the document; `way` tells how to sign, as JSON."""

    def __init__(self, way: dict[str, Any]) -> None:
        super().__init__("the document carries no signature of a member: sign its batch root, see `way`")
        self.way = way


class RequestInvalid(CaptureError):
    """A request that is not of the protocol's form; `errors` are (JSON Pointer, reason) pairs."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path or 'body'}: {reason}" for path, reason in errors[:20]))
        self.errors = list(errors)


class SignerRefused(CaptureError):
    """The member registry does not let this signer act; `revert` is what it said, with its error's values."""

    def __init__(self, signer: str, revert: Revert) -> None:
        super().__init__(f"signer {signer}: {revert.reason}")
        self.signer = signer
        self.revert = revert


class DeadlineOver(CaptureError):
    """The signed deadline (Unix seconds) leaves no time to get the call into a block."""

    def __init__(self, deadline: int, needed: int) -> None:
        super().__init__(f"deadline {deadline}: must be {needed} or later (Unix seconds)")
        self.deadline = deadline
        self.needed = needed


class SignatureMismatch(CaptureError):
    """The signature is not the signer's over what the request leads to: `message`, as EIP-712 JSON."""

    def __init__(self, signer: str, kind: str, message: dict[str, Any], recovered: str | None) -> None:
        by = "is no ECDSA signature" if recovered is None else f"is by {recovered}"
        super().__init__(
            f"signature: {by}, not by {signer}, over the {kind} that the server computes: "
            + ", ".join(f"{name} {value}" for name, value in message.items())
        )
        self.signer = signer
        self.message = message
        self.recovered = recovered


class FieldsDiffer(CaptureError):
    """Signed fields contradict the event that came with them."""

    def __init__(self, differences: Sequence[Difference]) -> None:
        super().__init__("; ".join(str(difference) for difference in differences))
        self.differences = list(differences)


class ContractRefused(CaptureError):
    """The contract would revert; `reason` and `name` are its own error's."""

    def __init__(self, reason: str, name: str | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.name = name


class UnknownJob(CaptureError):
    """There is no capture job of that id on this network."""
