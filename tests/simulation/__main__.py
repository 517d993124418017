"""Runs seeds and says of each that fails how to replay it."""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.simulation.run import Runner

_perf_counter = time.perf_counter


def main(arguments: list[str]) -> int:
    """Exit code 1 where a seed failed."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=25, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first one")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the seeds")
    parser.add_argument("--last-steps", type=int, default=40, help="of a failed story, to be printed")
    parser.add_argument("--trace", action="store_true", help="print every step")
    options = parser.parse_args(arguments)
    if options.jobs > 1:
        return _shared(options)
    folder = Path(tempfile.mkdtemp(prefix="tradeseal-simulation-"))
    failed: list[int] = []
    began = _perf_counter()
    try:
        with Runner(folder) as runner:
            for seed in range(options.first, options.first + options.seeds):
                result = runner.run(seed)
                if options.trace:
                    print("\n".join(result.trace))
                print(result.line(), flush=True)
                if result.error:
                    failed.append(seed)
                    print("\n".join(result.trace[-options.last_steps :]))
                    print(f"FAILED seed {seed}: {result.error}")
                    print(f"replay: ./scripts/simulate --seeds 1 --first {seed} --trace", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    seconds = _perf_counter() - began
    print(
        f"{options.seeds} seeds from {options.first}, {len(failed)} failed {failed}, "
        f"{seconds:.0f} s, {seconds / max(1, options.seeds):.2f} s a seed"
    )
    return 1 if failed else 0


def _shared(options: argparse.Namespace) -> int:
    """Contiguous ranges of seeds, each run by a process of its own; exit code 1 where one of them failed."""
    size = -(-options.seeds // options.jobs)
    end = options.first + options.seeds
    running = []
    for first in range(options.first, end, size):
        command = [sys.executable, "-m", "tests.simulation", "--seeds", str(min(size, end - first))]
        command += ["--first", str(first), "--last-steps", str(options.last_steps)]
        running.append(subprocess.Popen([*command, "--trace"] if options.trace else command))
    return max([process.wait() for process in running], default=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
