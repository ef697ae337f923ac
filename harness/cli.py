"""The entry point: all commands, and errors as one message."""

from __future__ import annotations

import errno
import sys

from harness.commands._app import app, echo
from harness.core.errors import HarnessError

# Each registers its commands, in the order of `--help`.
# isort: off
from harness.commands import run, sweep, doctor, list, show, compare, view  # noqa: F401
from harness.commands import audit, labels, rescore, ratings, check, fetch  # noqa: F401


def main() -> None:
    """Run a command; what a user can fix is one message without a traceback."""
    from harness.startup import start

    try:
        start()
        app()
    except HarnessError as error:
        echo(str(error), err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        echo("The disk is full. Free some space and run the same command again; nothing stored is lost.", err=True)
        sys.exit(2)
