"""`python -m cli` is `tradeseal`."""

from cli.main import run

run()
