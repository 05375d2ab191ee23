"""`python -m streams` is `fineacers`."""

from streams.cli import main

main()
