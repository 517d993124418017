"""Verification of a proof bundle against a node and a trust anchor (protocol, section 10).

What can be checked without a node is checked without one; what a node must say is asked of the network that
the trust anchor names, and of no other. A link that could not be checked is reported as that, and never as
verified.
"""

from chain.rpc import Rpc
from evidence.bundle import Bundle, Trust
from evidence.checking import Checking
from evidence.report import Link, Report, Status
from evidence.verify_events import EventChecks
from evidence.verify_passport import PassportChecks


def verify_bundle(bundle: Bundle, trust: Trust | None, rpc: Rpc | None) -> Report:
    """Check every link of a bundle.

    `trust` None, `rpc` None or a node that fails leave links unchecked; nothing is raised for what a bundle
    says. The verdict is about the record: whether goods are what their code says, it cannot tell.
    """
    verifier = BundleVerifier(bundle, trust, rpc)
    verifier.run()
    return verifier.report()


class BundleVerifier(Checking):
    """One verification of a bundle."""

    known = True
    """whether anything at all is recorded of the item"""

    def run(self) -> None:
        """Make all checks of the bundle."""
        self.check_network()
        self.check_bundle()

    def check_bundle(self) -> None:
        """Make those that come after the network's."""
        if not self.bundle.events and self.bundle.passport is None:
            # the network alone says nothing of the item
            self.add(Link.BUNDLE, Status.UNCHECKED, "the bundle holds neither an event nor a passport")
        EventChecks(self).run()
        PassportChecks(self).run()

    def report(self) -> Report:
        """What was found so far."""
        return Report(self.bundle.item, tuple(self.checks), tuple(self.notices), self.known)
