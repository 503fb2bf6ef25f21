"""The floor of the dispatch benchmark: the same hops, without users, signatures, states or a store.

`python -m scripts.bench.relay PORT NODE_URL`: one Starlette route parses a body, calls the node, and answers; another
parses callbacks and answers.
"""

import asyncio
import json
import sys

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from protocol.reports import Callback


def main(port: int, node_url: str) -> None:
    """Serve until a signal."""
    session: aiohttp.ClientSession | None = None
    calls: set[asyncio.Task[None]] = set()

    async def offer(document: bytes) -> None:
        nonlocal session
        session = session or aiohttp.ClientSession()
        async with session.post(f"{node_url}/relayed", data=document) as answer:
            await answer.read()

    async def create(request: Request) -> JSONResponse:
        task = asyncio.create_task(offer(json.dumps(json.loads(await request.body())).encode()))
        calls.add(task)
        task.add_done_callback(calls.discard)
        return JSONResponse({"state": "waiting"}, 201)

    async def callback(request: Request) -> JSONResponse:
        Callback.model_validate_json(await request.body())
        return JSONResponse({"command": "continue"})

    routes = [Route("/tasks", create, methods=["POST"]), Route("/callbacks", callback, methods=["POST"])]
    uvicorn.run(Starlette(routes=routes), port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
