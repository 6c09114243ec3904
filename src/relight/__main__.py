"""`python -m relight` is the `relight` command."""

from relight.cli.main import main

if __name__ == "__main__":
    main()
