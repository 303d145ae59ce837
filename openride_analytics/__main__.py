"""The command line. Exit codes: 0 done, 1 failed, 2 wrong usage or settings; 130 and 141 as in a shell."""

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from openride_analytics.errors import Invalid, OpenRideError
from openride_analytics.settings import SettingsError, load, warnings

OK, FAILED, USAGE, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141

COMMANDS = (
    ("serve", "run the service: ingestion and HTTP"),
    ("migrate", "bring the schemas of ClickHouse and PostgreSQL up to date"),
    ("dev", "everything on this machine: embedded servers, the service, simulated rides"),
    ("embedded", "only the embedded servers: ClickHouse, Kafka, Redis, PostgreSQL, mail sink"),
    ("simulate", "send plausible rides to Kafka"),
    ("replay", "send events from files to Kafka"),
    ("dlq", "list, show or replay dead letters"),
    ("audit", "compare what Kafka was given with what ClickHouse holds"),
    ("token", "mint an access token"),
    ("check", "show every setting and the state of every dependency"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: this process's) and return its exit code."""
    args = _parse(list(sys.argv[1:] if argv is None else argv))
    try:
        settings = load()
        for line in warnings():
            print(f"warning: {line}", file=sys.stderr)
        code: int = args.run(args, settings)
        print(end="", flush=True)  # nothing where there is no standard output
    except SettingsError as error:
        print(error, file=sys.stderr)
        return USAGE
    except OpenRideError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE if isinstance(error, Invalid) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. The interpreter would flush it once more and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return code


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="openride-analytics",
        description="Ride events from Kafka into ClickHouse, each once; numbers out over HTTP.",
        epilog="Settings are environment variables, or lines of a .env file; the command check shows them. "
        "COMMAND --help says more of a command.",
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    asked_for = next((word for word in argv if not word.startswith("-")), None)
    for name, summary in COMMANDS:
        command = commands.add_parser(
            name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == asked_for:
            _complete(command, _module(name, command))
    return parser.parse_args(argv)


def _module(name: str, command: argparse.ArgumentParser) -> ModuleType:
    path = f"openride_analytics.commands.{name}"
    if importlib.util.find_spec(path) is None:
        command.error(f"the command {name} is not part of this version")
    return importlib.import_module(path)


def _complete(command: argparse.ArgumentParser, module: ModuleType) -> None:
    command.description = module.__doc__
    module.add_arguments(command)
    command.set_defaults(run=module.run)


class _Version(argparse.Action):
    """Prints the version: looked up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"openride-analytics {version('openride-analytics')}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
