"""`python -m cast_lens` is the command `cast-lens`."""

from cast_lens.cli.main import main

if __name__ == "__main__":
    main()
