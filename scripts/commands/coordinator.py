"""`segfleet coordinator`: the coordinator alone."""

import os
from typing import Annotated

import typer


def coordinator(
    reload: Annotated[
        bool, typer.Option("--reload", help="Start anew when the source changes; development only.")
    ] = False,
) -> None:
    """Run the coordinator on API_HOST and API_PORT."""
    from scripts import ports
    from scripts.database import settings

    if reload:
        os.environ["API_DEBUG"] = "true"
    chosen = settings()
    ports.require_free(chosen.api_host, chosen.api_port, "API_PORT")
    from coordinator.__main__ import main

    main()
