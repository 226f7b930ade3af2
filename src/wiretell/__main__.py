"""`python -m wiretell`."""

from wiretell.cli import main

main()
