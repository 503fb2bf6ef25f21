"""Errors as `application/problem+json`."""

from typing import Any, Final

from fastapi import Response

from protocol.problems import PROBLEMS, FieldError, Problem

_OWN_TITLES: Final = {
    "unsupported_step": "This kind of step is not supported yet",
    "provider_unavailable": "The device of this node cannot be used",
    "model_invalid": "The model of this node cannot be used",
    "address_refused": "This address may not be used",
}


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        params: dict[str, Any] | None = None,
        errors: tuple[FieldError, ...] = (),
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.params = params or {}
        self.errors = errors


def response(error: ProblemError) -> Response:
    """The answer to send."""
    known = PROBLEMS.get(error.code)
    title = known.en if known is not None else _OWN_TITLES.get(error.code, "The node cannot do this")
    problem = Problem(
        type=f"/problems#{error.code}",
        title=title,
        status=error.status,
        code=error.code,
        detail=error.detail,
        params=error.params,
        errors=error.errors,
    )
    return Response(problem.model_dump_json(), status_code=error.status, media_type="application/problem+json")
