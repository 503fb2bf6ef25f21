"""What the kit's coordinator answers: messages, problems, a proxy's pages, and nothing at all."""

from aiohttp import web

from protocol.base import WireModel
from protocol.problems import PROBLEMS, Problem

_PAGE = "<html><title>502 Bad Gateway</title></html>"


class Refused(Exception):
    """Ends a request with a problem."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def page(status: int) -> web.Response:
    """What a proxy says."""
    return web.Response(text=_PAGE, status=status, content_type="text/html")


def cut(request: web.Request) -> web.Response:
    """End the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def json(message: WireModel) -> web.Response:
    """A message of ours."""
    return web.Response(text=message.model_dump_json(), content_type="application/json")


def problem(refused: Refused) -> web.Response:
    """A refusal of ours."""
    kind = PROBLEMS[refused.code]
    body = Problem(
        type=f"/problems#{refused.code}",
        title=kind.en,
        status=kind.status,
        code=refused.code,
        params=dict(refused.params),
    )
    return web.Response(text=body.model_dump_json(), status=kind.status, content_type="application/problem+json")
