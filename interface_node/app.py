"""The composition root: settings and work in, an application or a whole running process out."""

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from interface_node import logs
from interface_node.api import problems
from interface_node.api.problems import ProblemError
from interface_node.api.routes import router
from interface_node.errors import NodeError
from interface_node.jobs.isolation.work import isolated
from interface_node.jobs.node import Node
from interface_node.jobs.pace import Pace
from interface_node.jobs.pipeline_work import open_work
from interface_node.jobs.work import Work
from interface_node.settings import NodeSettings, SettingsError, from_environment

_log = structlog.get_logger(__name__)
START_ERROR: Final = 2
_STATUS_CODES: Final = {404: "not_found", 405: "method_not_allowed"}


def create_app(settings: NodeSettings, work: Work, pace: Pace | None = None) -> FastAPI:
    """The node as an ASGI application; `app.state.node` is the node."""
    node = Node(settings, work, pace or Pace())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(node.stop)
            await node.start()
            yield

    app = FastAPI(title="Segfleet interface node", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.node = node
    app.include_router(router)
    app.exception_handler(ProblemError)(_problem)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)
    return app


def from_environment_app() -> FastAPI:
    """For `uvicorn --factory interface_node.app:from_environment_app`."""
    settings = from_environment()
    logs.configure(settings.log_level, settings.log_format, settings.log_file)
    return create_app(settings, _opened(settings)())


def run(settings: NodeSettings, work: Work | None = None, pace: Pace | None = None) -> int:
    """Run a node until it is told to stop; its exit code. SettingsError or NodeError when it cannot start."""
    logs.configure(settings.log_level, settings.log_format, settings.log_file)
    begin = _opened(settings) if work is None else lambda: work
    with _locked(settings.node_home), _listener(settings.node_host, settings.node_port) as listening:
        app = create_app(settings, begin(), pace)
        _readable_identity(app.state.node)
        return asyncio.run(_serve(app, listening))


def main(settings: NodeSettings, work: Work | None = None, pace: Pace | None = None) -> None:
    """`run`, then leave the process. Never returns.

    A thread that hangs in native code would hold up an ordinary exit for ever, so this one waits for nobody.
    """
    try:
        code = run(settings, work, pace)
    except (SettingsError, NodeError) as error:
        sys.stderr.write(f"segfleet node: {error}\n")
        code = START_ERROR
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _opened(settings: NodeSettings) -> Callable[[], Work]:
    """The work of this machine; its processes are started by the call, once it is certain that this node may run."""
    work = open_work(settings)
    return lambda: isolated(work, settings) if settings.node_isolation else work


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Two processes with one identity would take each other's work."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        opened = (home / "lock").open("w")
    except OSError as error:
        raise SettingsError(f"{home} cannot be written ({error.strerror}); give the node a SEGFLEET_HOME.") from None
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingsError(f"Another node already runs in {home}; give this one a SEGFLEET_HOME.") from None
        yield


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(f"NODE_PORT {port} is taken by another program; choose another one.") from None
        raise SettingsError(f"The node cannot listen on {host} port {port}: {error.strerror}.") from None


def _readable_identity(node: Node) -> None:
    try:
        node.identity.load()
    except ValueError as error:
        raise SettingsError(f"{error}.") from None


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: a node drains before it closes its door."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(app: FastAPI, listening: socket.socket) -> int:
    node: Node = app.state.node
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, _signalled, node, name)
    config = uvicorn.Config(app, log_config=None, proxy_headers=False, timeout_graceful_shutdown=2, server_header=False)
    server = _Server(config)

    async def close_after_the_node() -> None:
        await node.ending.begun.wait()
        await node.stop()
        server.should_exit = True

    closing = asyncio.create_task(close_after_the_node(), name="closing")
    _log.info("listening", host=listening.getsockname()[0], port=listening.getsockname()[1])
    await server.serve(sockets=[listening])
    await closing
    return node.ending.code


def _signalled(node: Node, name: signal.Signals) -> None:
    """The first one drains, a second one does not wait for what runs."""
    if node.ending.begun.is_set():
        node.hand_back()
    node.ending.end(0, f"{name.name} came.")


async def _problem(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ProblemError):
        raise TypeError(f"not a problem: {error!r}")
    return problems.response(error)


async def _invalid(_request: Request, error: Exception) -> Response:
    return problems.response(ProblemError(422, "invalid_request", str(error)[:500]))


async def _http(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return problems.response(ProblemError(status, _STATUS_CODES.get(status, "internal")))
