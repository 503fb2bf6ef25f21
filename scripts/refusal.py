"""What a command says instead of a traceback."""

import sys

from rich.console import Console

PIPE_WIDTH = 200
"""Lines of a table in a pipe: nobody scrolls there, but somebody cuts columns."""
console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, markup=False)
errors = Console(stderr=True, markup=False)
"""Neither reads markup: what is said holds names of files and of nodes, and a `[/b]` there would end the command."""


class Refusal(Exception):
    """One sentence for the person at the shell, and the exit code that goes with it."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


def tell(error: Refusal) -> int:
    """Print the sentence; the exit code."""
    errors.print(str(error), style="red", soft_wrap=True, markup=False, highlight=False)
    return error.code
