"""What a gateway acknowledges is in its spool, however many submit at once and whatever they submit."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from evidence.gateway import spool as spool_module
from tests.evidence.gateway.test_gateway import Scene, document, engine, scene
from tests.evidence.world import wait_until

__all__ = ["engine", "scene"]


def test_who_finds_the_transaction_full_is_written_in_the_next(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 2: three wait for their turn, and a transaction carries the events of one."""
    monkeypatch.setattr(spool_module, "_GROUP", 4)
    gateway = scene.gateway
    others = [spool_module._Request(gateway.read(document(f"turn-{one}", 4))) for one in range(2)]
    gateway.spool._queue += others
    assert len(gateway.accept(document("turn-last", 4)).receipts) == 4
    assert [len(one.receipts) for one in others] == [4, 4]
    assert gateway.spool.waiting() == 12


def test_who_is_interrupted_while_it_writes_for_others_leaves_none_acknowledged(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = scene.gateway.spool
    real = spool._known

    def interrupt(*_: object) -> None:
        monkeypatch.setattr(spool, "_known", real)
        raise KeyboardInterrupt

    with ThreadPoolExecutor(2) as pool:
        with spool._committing:
            waiting = [pool.submit(scene.gateway.accept, document(f"cut-{one}", 1)) for one in range(2)]
            wait_until(lambda: len(spool._queue) == 2)
            monkeypatch.setattr(spool, "_known", interrupt)
        for one in waiting:
            with pytest.raises(KeyboardInterrupt):
                one.result(60)
    assert spool.waiting() == 0
