"""The order of what surrounds every route, from the outside in."""

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from coordinator.api import cors
from coordinator.api.authentication import Authentication
from coordinator.api.body_limits import BodyLimits
from coordinator.api.clean_url import CleanUrl
from coordinator.api.hot_callbacks import HotCallbacks
from coordinator.api.own_machine import OwnMachineOnly
from coordinator.api.rate_limit import RateLimit
from coordinator.api.request_log import LastResort, RequestLog
from coordinator.api.tus import Tus
from coordinator.clock import monotonic
from coordinator.settings import Settings, weak_secret


def install(app: FastAPI, settings: Settings) -> None:
    """Ids and log around everything; CORS around every refusal; who is asking before how often; bodies last."""
    weak = weak_secret(settings)
    app.user_middleware.extend(
        [
            Middleware(RequestLog, monotonic=monotonic),
            Middleware(HotCallbacks),
            Middleware(
                CORSMiddleware,
                allow_origins=settings.frontend_url,
                allow_methods=cors.METHODS,
                allow_headers=cors.ALLOWED,
                expose_headers=cors.EXPOSED,
                max_age=cors.MAX_AGE_S,
            ),
            Middleware(Tus),
            Middleware(LastResort),
            *([Middleware(OwnMachineOnly, why=weak)] if weak else []),
            Middleware(CleanUrl),
            Middleware(Authentication, trusted=settings.trusted_proxies, site=settings.api_base_url),
            Middleware(RateLimit, limit=settings.rate_limit, monotonic=monotonic),
            Middleware(BodyLimits, file_bytes=settings.upload_file_size_limit),
        ]
    )
