"""The problem codes as a Markdown table for the protocol's README."""

from protocol.problems import PROBLEMS


def table() -> str:
    """Code, status and title of every problem that the API answers."""
    rows = [(f"`{code}`", str(kind.status), kind.en) for code, kind in PROBLEMS.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in (("Code", "Status", "Title"), ("---",) * 3, *rows))
