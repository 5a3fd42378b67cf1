"""The command line, ``acflib`` or ``python -m acflib``: :mod:`acflib.cli.parser`, and one file a command."""
