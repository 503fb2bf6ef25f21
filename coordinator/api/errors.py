"""Every error leaves as `application/problem+json` (RFC 9457) with a stable code, in the reader's language."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from coordinator.api.paths import API
from coordinator.api.validation import field_errors, is_broken_json, is_wrong_content_type
from coordinator.errors import CoordinatorError
from protocol.problems import PROBLEMS, FieldError, Problem, title

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
PAGE = f"{API}/problems"
_BY_STATUS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
}


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(CoordinatorError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)


def problem(
    code: str,
    accept_language: str = "",
    *,
    detail: str = "",
    params: Mapping[str, Any] | None = None,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer for a code; `accept_language` is the request's header."""
    kind = PROBLEMS[code]
    language = preferred_language(accept_language)
    body = Problem(
        type=f"{PAGE}#{code}",
        title=title(code, language),
        status=kind.status,
        code=code,
        detail=detail,
        params=dict(params or {}),
        errors=tuple(errors),
    )
    all_headers = {"Content-Language": language, "Cache-Control": "no-store", **(headers or {})}
    if kind.status == 401:
        all_headers["WWW-Authenticate"] = "Bearer"
    if params and "retry_after_s" in params:
        all_headers["Retry-After"] = str(max(1, math.ceil(params["retry_after_s"])))
    elif kind.status == 503:
        all_headers["Retry-After"] = str(RETRY_AFTER_S)
    if kind.status == 408:
        all_headers["Connection"] = "close"
    return Response(body.model_dump_json(exclude_none=True), kind.status, all_headers, MEDIA_TYPE)


def error_response(error: CoordinatorError, accept_language: str = "") -> Response:
    """The answer for an error of ours."""
    return problem(error.code, accept_language, detail=error.detail, params=error.params, errors=error.errors)


def preferred_language(accept_language: str) -> str:
    """`zh` where the reader likes Chinese better than English, otherwise `en`."""
    likes = {"en": 0.0, "zh": 0.0}
    for part in accept_language.split(","):
        tag, _, weight = part.strip().partition(";q=")
        primary = tag.split("-")[0].strip().lower()
        if primary in likes:
            try:
                likes[primary] = max(likes[primary], float(weight or 1))
            except ValueError:
                continue
    return "zh" if likes["zh"] > likes["en"] else "en"


def _language(request: Request) -> str:
    return request.headers.get("accept-language", "")


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, CoordinatorError)
    return error_response(error, _language(request))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if is_broken_json(error):
        return problem("broken_json", _language(request))
    if is_wrong_content_type(error, request.headers.get("content-type", "")):
        return problem("unsupported_media_type", _language(request), params={"accepts": ["application/json"]})
    return problem("invalid_request", _language(request), errors=field_errors(error))


async def _framework(request: Request, error: Exception) -> Response:
    """The framework's own refusals; an error of ours that it wrapped while it read the body comes out again."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, CoordinatorError):
        return error_response(error.__cause__, _language(request))
    if isinstance(error.__cause__, (UnicodeDecodeError, RecursionError)):
        return problem("broken_json", _language(request))
    code = _BY_STATUS.get(error.status_code, "invalid_request" if error.status_code < 500 else "internal")
    detail = "" if error.status_code in _BY_STATUS else str(error.detail)
    return problem(code, _language(request), detail=detail, headers=error.headers)
