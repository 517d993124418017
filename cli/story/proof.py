"""What the story proves at its end: a bundle checked without the server, an audit that finds one byte."""

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from chain import deployment
from chain.operation import ChainIdentity
from chain.rpc import Rpc
from cli.failure import Exit, Failure
from cli.node import open_mirror
from cli.session import Session
from cli.story.story import Told
from evidence.audit import audit
from evidence.bundle import read_bundle, read_trust
from evidence.verify import verify_bundle
from vault.cid import Cid
from vault.store import LocalStore

_PATIENCE: Final = 60.0


def wait_for_service(session: Session) -> None:
    """Wait until the service in the home folder answers. Raises Failure after a minute."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            session.api.get("/health")
        except Failure as failure:
            if failure.code != Exit.UNREACHABLE or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def show_proofs(session: Session, told: Told, say: Callable[[str, str], None]) -> None:
    """Verify the item's bundle and audit the installation, whole and with one byte changed in a copy."""
    import json

    url = session.rpc_url
    if url is None:
        raise Failure("the service says nowhere which node it uses", Exit.UNREACHABLE)
    home = session.home
    with Rpc(url) as rpc:
        bundle = read_bundle(json.dumps(session.api.get(f"{told.path}/proof")).encode())
        report = verify_bundle(bundle, read_trust(home.trust_file.read_bytes()), rpc)
        say(
            "Verified",
            f"{len(report.checks)} links of the proof bundle checked against the chain: {report.verdict}",
        )
        if report.exit_code:
            raise Failure("; ".join(check.detail for check in report.failing()) or report.text)
        network = deployment.load(home.deployments, ChainIdentity(rpc.chain_id(), rpc.first_block_hash()))
        if network is None:
            raise Failure(f"no deployment of this network is known in {home.deployments}")
        mirror = open_mirror(session.settings, home)
        try:
            found = audit(network, rpc, mirror, LocalStore(home.vault))
            if found.exit_code:
                raise Failure(f"the audit found what should not be: {found.findings[0]}")
            say("Audit", "chain, mirror and vault agree on everything")
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / "vault"
                shutil.copytree(home.vault, copy)
                cid = _change_one_byte(LocalStore(copy), told.item)
                found = audit(network, rpc, mirror, LocalStore(copy))
        finally:
            mirror.dispose()
    if not any(str(cid) in str(finding) for finding in found.findings):
        raise Failure(f"one byte of {cid} was changed and the audit did not name it")
    say("Audit of a copy", f"one byte changed in the vault, and the audit names it: {found.findings[0]}")


def _change_one_byte(store: LocalStore, item: str) -> Cid:
    """Alter one byte of a sealed document that names the item, in a copied vault."""
    for cid in store.iterate():
        content = store.get(cid)
        if item.encode() in content:
            path = store.path_of(cid)
            middle = len(content) // 2
            path.chmod(0o600)
            path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
            return cid
    raise Failure(f"the vault holds no sealed document of {item}")
