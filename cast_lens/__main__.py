"""The command `cast-lens`, or `python -m cast_lens`; it hears Ctrl-C before anything is loaded."""

from cast_lens.interrupts import hear_ctrl_c, hear_no_more, stopped


def main() -> None:
    """Run the command line and leave; see `cast_lens.cli.main`."""
    try:
        hear_ctrl_c()
        from cast_lens.cli.main import main as command

        command()
    except KeyboardInterrupt:
        stopped()
    finally:
        hear_no_more()


if __name__ == "__main__":
    main()
