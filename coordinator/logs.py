"""Logs as events with fields: one JSON line each (or text), for our records, uvicorn's and APScheduler's."""

import logging
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN: Final = "***"
_SECRET_FIELD: Final = re.compile(
    r"(^|_)(password|passwd|secret|secrets|token|authorization|cluster_string|signature|sig|api_key|cookie)$",
    re.IGNORECASE,
)
_SECRET_TEXT: Final = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWT
    r"|sfk_[\w-]{8,}"  # an API key
    r"|whsec_[\w+/=-]{8,}"  # a secret of webhooks
    r"|(?<=[?&]sig=)[^&\s'\"]+"  # the signature of a link
    r"|(?<=Bearer )[^\s'\"]+"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"  # user and password in an address
)


def configure(level: str, style: Literal["json", "text"], file: Path | None = None) -> None:
    """Send every record of this process to standard error or to `file`. Called once, by the program's entry."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _handler(file)
    handler.setFormatter(formatter(style, shared))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # our own line of a request carries more than uvicorn's, and not the query string
    logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL)
    for name in ("httpx", "httpcore", "asyncio", "apscheduler.executors.default"):
        logging.getLogger(name).setLevel(logging.WARNING)


def formatter(style: Literal["json", "text"], shared: list[Processor]) -> logging.Formatter:
    """What turns a record, ours or a library's, into one line without secrets."""
    last: Processor
    if style == "json":
        last = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    else:
        last = structlog.dev.ConsoleRenderer(colors=False)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, without_secrets, last],
    )


def without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide fields that are named for a secret, and what looks like one in any text."""
    return {name: _hidden(name, value) for name, value in event.items() if name != "color_message"}


def _hidden(name: str, value: Any) -> Any:
    if _SECRET_FIELD.search(name) and value:
        return HIDDEN
    if isinstance(value, str):
        return _SECRET_TEXT.sub(HIDDEN, value)
    if isinstance(value, MutableMapping):
        return {key: _hidden(str(key), one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_hidden("", one) for one in value]
    return value


def _handler(file: Path | None) -> logging.Handler:
    if file is None:
        return logging.StreamHandler(sys.stderr)
    file.parent.mkdir(parents=True, exist_ok=True)
    return logging.FileHandler(file, encoding="utf-8")
