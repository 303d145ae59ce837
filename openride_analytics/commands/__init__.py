"""The commands, one module each: `add_arguments(parser)` and `run(args, settings) -> int` (the exit code).

A module's docstring is the text of its `--help`. Only the module of the command asked for is imported.
"""
