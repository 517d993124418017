"""What can go wrong between this system and a chain. No message holds a key or a URL's credentials."""


class ChainError(Exception):
    """Base of everything this room raises about the chain."""


class NodeUnreachable(ChainError):
    """No answer: refused, timed out, cut off, or an HTTP status that says the node is not there now.

    Whether the request took effect is unknown.
    """

    def __init__(self, node: str, reason: str) -> None:
        super().__init__(f"node {node} cannot be reached: {reason}")
        self.node = node
        self.reason = reason


class NodeNonsense(ChainError):
    """An answer that is not JSON-RPC 2.0, or holds values of the wrong type or form."""

    def __init__(self, node: str, method: str, reason: str) -> None:
        super().__init__(f"node {node} answered {method} with nonsense: {reason}")
        self.node = node
        self.method = method
        self.reason = reason


class RpcError(ChainError):
    """The node's own error: JSON-RPC `code`, `message` and `data` as it gave them."""

    def __init__(self, method: str, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{method}: {message} (code {code})")
        self.method = method
        self.code = code
        self.message = message
        self.data = data


class CallReverted(ChainError):
    """A call or gas estimate ended in REVERT; `data` is what the contract returned, maybe empty."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"call reverted with 0x{data[:132].hex()}{'…' if len(data) > 132 else ''}")
        self.data = data
