"""`scripts/bench NAME [options]`: runs one bench and prints a JSON line for each peer and case."""

import sys
from importlib import import_module

NAMES = ("event-hash", "capture", "index", "verify", "gas")
"""each is a module of this package with `main(arguments)`; imported only when it is asked for"""


def main(arguments: list[str]) -> int:
    """Exit code 2 for a name that is none."""
    if not arguments or arguments[0] not in NAMES:
        print(f"usage: scripts/bench {{{'|'.join(NAMES)}}} [options]", file=sys.stderr)
        return 2
    module = import_module(f"tests.bench.{arguments[0].replace('-', '_')}")
    module.main(arguments[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
