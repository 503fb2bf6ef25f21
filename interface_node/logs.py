"""Logs as events with fields: one JSON line each (or text), for our records and for uvicorn's."""

import logging
import sys
from pathlib import Path
from typing import Final, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET_FIELDS: Final = frozenset({"secret", "secrets", "token", "attempt_token", "authorization", "cluster_string"})


def configure(level: str, style: Literal["json", "text"], file: Path | None = None) -> None:
    """Send all records of the process to standard error or `file`. Call it once, before the first log line."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _access_fields,
        _without_secrets,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last = structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        pass_foreign_args=True,
    )
    _install(formatter, level, file)


def _install(formatter: logging.Formatter, level: str, file: Path | None) -> None:
    if file is None:
        handler: logging.Handler = logging.StreamHandler(sys.stderr)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _access_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Turn uvicorn's access tuple into fields; the query string is dropped because links carry signatures in it."""
    event.pop("color_message", None)
    arguments = event.pop("positional_args", ())
    if event.get("logger") == "uvicorn.access" and len(arguments) == 5:
        client, verb, target, _version, status = arguments
        path = str(target).partition("?")[0]
        event.update(event="request", client=client, method=verb, path=path, status=status)
    return event


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in _SECRET_FIELDS & event.keys():
        event[name] = "***"
    return event
