"""The floor of the upload benchmark: a bare Starlette route that appends and fsyncs.

`python -m scripts.bench.append PORT FOLDER`: `PATCH /NAME` adds its body to the file of that name, as it arrives, and
answers when it is on the disk; `DELETE /NAME` removes it. Nobody is asked who they are, nothing is looked at.
"""

import asyncio
import os
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def main(port: int, folder: Path) -> None:
    """Serve until a signal."""

    async def append(request: Request) -> Response:
        descriptor = os.open(folder / request.path_params["name"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            async for chunk in request.stream():
                os.write(descriptor, chunk)
            await asyncio.to_thread(os.fsync, descriptor)
        finally:
            os.close(descriptor)
        return Response(status_code=204)

    async def remove(request: Request) -> Response:
        (folder / request.path_params["name"]).unlink()
        return Response(status_code=204)

    routes = [Route("/{name}", append, methods=["PATCH"]), Route("/{name}", remove, methods=["DELETE"])]
    uvicorn.run(Starlette(routes=routes), port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
