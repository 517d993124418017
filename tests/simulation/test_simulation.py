"""Rule 2 and rule 1 under disasters: stories of fixed seeds, and the simulator's own promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.run import Runner

SEEDS = [*range(1, 14), 40]
"""every tenth is told on PostgreSQL, the seventh by real processes; those that failed come to them"""
FAILED = [
    int(line.split(None, 1)[0])
    for line in Path(__file__).with_name("failed_seeds.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
"""seeds that once found something"""


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """One scene for all stories of this process."""
    with Runner(tmp_path_factory.mktemp("simulation")) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("seed", sorted({*SEEDS, *FAILED}))
def test_rule_2_nothing_acknowledged_is_lost_or_happens_twice(runner: Runner, seed: int) -> None:
    result = runner.run(seed)
    assert result.error is None, "\n".join([*result.trace[-40:], f"seed {seed}: {result.error}"])


@pytest.mark.slow
def test_a_seed_always_tells_the_same_story(runner: Runner) -> None:
    first, second = runner.run(3), runner.run(3)
    assert first.trace == second.trace


@pytest.mark.deep
@pytest.mark.parametrize("first", range(1, 1001, 50))
def test_rule_2_a_thousand_seeds(runner: Runner, first: int) -> None:
    for seed in range(first, first + 50):
        result = runner.run(seed)
        assert result.error is None, "\n".join([*result.trace[-40:], f"seed {seed}: {result.error}"])
