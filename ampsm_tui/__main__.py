"""The front door: arguments go to the command line. Nothing slow is imported here."""


def main() -> None:
    """Run the command that the arguments name."""
    from ampsm_engine.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
