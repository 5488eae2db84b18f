"""`python -m prospector_core` is the command line `prospector`."""

from .cli import main

main()
