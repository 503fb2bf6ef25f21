"""The composition root: everything is made, opened, wired and closed here and nowhere else."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypedDict

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

from coordinator import logs
from coordinator.api import errors, live_running, middleware, openapi
from coordinator.api.live_feed import Hub
from coordinator.api.routes import (
    admin_interfaces,
    admin_statistics,
    admin_tasks,
    audit,
    auth,
    backgrounds,
    batches,
    interfaces,
    live,
    models,
    node_work,
    pages,
    problems,
    process,
    session,
    system,
    tasks,
    uploads,
    users,
    videos,
    webhooks,
)
from coordinator.api.routes import files as file_links
from coordinator.clock import monotonic, system_clock
from coordinator.domain.blame import Limits
from coordinator.gateway.attempt_tokens import AttemptTokens
from coordinator.gateway.feed import Feed
from coordinator.gateway.files import Files
from coordinator.gateway.gauges import Gauges
from coordinator.gateway.interface_client import InterfaceClient
from coordinator.gateway.links import Links
from coordinator.gateway.networks import Networks
from coordinator.gateway.node_secrets import NodeSecrets
from coordinator.gateway.passwords import Passwords
from coordinator.gateway.probe.pool import ProbePool
from coordinator.gateway.tokens import Tokens
from coordinator.gateway.webhook_networks import WebhookNetworks
from coordinator.gateway.webhook_sender import WebhookSender
from coordinator.loops import schedule
from coordinator.services import sessions
from coordinator.services.context import Context
from coordinator.services.node_keys import NodeKeys
from coordinator.services.polling import PollDesk
from coordinator.services.progress import ProgressBook
from coordinator.services.registry import Door
from coordinator.services.rules import Rules
from coordinator.services.uploads import Desk
from coordinator.services.watching import TaskWatch
from coordinator.services.webhook_testing import TrialDesk
from coordinator.settings import Settings, SettingsError
from coordinator.settings import from_environment as read_settings
from coordinator.store.database import Database
from coordinator.store.migrate import upgrade

PREFIX = "/api/v1"
API_ROUTERS: tuple[APIRouter, ...] = (
    tasks.router,
    node_work.router,
    interfaces.router,
    uploads.router,
    videos.router,
    backgrounds.router,
    auth.router,
    session.router,
    system.router,
    models.router,
    process.router,
    batches.router,
    webhooks.router,
    admin_tasks.router,
    admin_interfaces.router,
    users.router,
    admin_statistics.router,
    admin_statistics.own,
    audit.router,
    problems.router,
    live.router,
)
"""Below /api/v1; the busiest first, because routes are looked for in this order."""
ROOT_ROUTERS: tuple[APIRouter, ...] = (admin_interfaces.alias, admin_tasks.alias, pages.router)
"""With their own whole paths."""


class State(TypedDict):
    """What the lifespan gives to every request."""

    context: Context
    live: Hub


def create_app(settings: Settings) -> FastAPI:
    """The coordinator as an ASGI application; nothing is opened before its lifespan begins."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        async with AsyncExitStack() as stack:
            context = await _open(settings, stack)
            yield State(context=context, live=await stack.enter_async_context(live_running.running(context)))

    app = _api(lifespan)
    errors.install(app)
    for router in API_ROUTERS:
        app.include_router(router, prefix=PREFIX)
    for router in ROOT_ROUTERS:
        app.include_router(router)
    app.include_router(file_links.router(settings))
    middleware.install(app, settings)
    openapi.install(app)
    return app


def from_environment() -> FastAPI:
    """For `uvicorn --factory coordinator.app:from_environment`; uvicorn wants `--no-proxy-headers` then."""
    settings = settings_or_exit()
    logs.configure(settings.log_level, settings.log_format, settings.log_file)
    return create_app(settings)


def settings_or_exit() -> Settings:
    """The settings; a wrong one is one sentence on standard error and exit code 2."""
    try:
        return read_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


def _api(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[State]]) -> FastAPI:
    return FastAPIOffline(
        title="Segfleet",
        version="1",
        description="Video segmentation on a fleet of GPU machines.",
        lifespan=lifespan,
        generate_unique_id_function=_operation,
        # nobody exports it, and asking each time costs 3 % of a callback's CPU
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )


def _operation(route: APIRoute) -> str:
    """`tasks_pause`: the group and the function."""
    return "_".join([*map(str, route.tags[:1]), route.name])


async def _open(settings: Settings, stack: AsyncExitStack) -> Context:
    """Start what lives as long as the program; the stack closes it in reverse."""
    settings.home.mkdir(parents=True, exist_ok=True)
    context = compose(settings)
    context.files.prepare()
    await asyncio.to_thread(upgrade, context.database.engine)
    context.database.open(context.feed.publish)
    stack.push_async_callback(context.database.close)
    stack.push_async_callback(context.passwords.close)
    stack.push_async_callback(context.interface_client.close)
    stack.push_async_callback(context.webhook_sender.close)
    await context.probes.start()
    stack.push_async_callback(context.probes.stop)
    await sessions.first_administrator(
        context.database, context.passwords, settings.admin_username, settings.admin_password, settings.home
    )
    await stack.enter_async_context(schedule.running(context))
    return context


def rules_of(settings: Settings) -> Rules:
    """What services decide by."""
    return Rules(
        lease_s=settings.lease_s,
        heartbeat_s=settings.heartbeat_interval,
        stall_s=settings.task_timeout,
        model_load_s=settings.model_load_timeout,
        limits=Limits(failures=settings.max_attempts, losses=settings.max_losses),
        segment_s=settings.segment_seconds,
        default_model=settings.default_model,
        user_max_waiting=settings.user_max_waiting,
        queue_size=settings.queue_size,
        upload_days=settings.upload_days,
        result_days=settings.result_days,
        retain_parts_hours=settings.retain_parts_hours,
        webhook_http=not settings.production,
    )


def compose(settings: Settings) -> Context:
    """What lives as long as the program, made but not opened."""
    rules, database = rules_of(settings), Database(settings.database_url, system_clock)
    files = Files(settings.home, settings.upload_videos_dir, settings.upload_backgrounds_dir, settings.disk_free_min_mb)
    probes = ProbePool(settings.max_workers)
    networks, node_secrets = Networks(settings.interface_networks), NodeSecrets(settings.jwt_secret)
    webhook_secrets = NodeSecrets(settings.jwt_secret, b"segfleet webhook secrets v1")
    webhook_sender = WebhookSender(WebhookNetworks(settings.webhook_networks))
    paths = settings.upload_url_path, settings.upload_backgrounds_url_path
    cluster_string = settings.interface_identification
    return Context(
        settings=settings,
        rules=rules,
        clock=system_clock,
        database=database,
        feed=Feed(),
        passwords=Passwords(),
        tokens=Tokens(settings.jwt_secret, settings.jwt_expires_in),
        files=files,
        probes=probes,
        links=Links(settings.jwt_secret, settings.api_base_url, *paths),
        uploads=Desk(database, files, probes, settings.upload_file_size_limit, settings.user_storage_mb),
        interface_client=InterfaceClient(system_clock, networks),
        node_keys=NodeKeys(database, node_secrets, rules),
        door=Door(rules, settings.interface_approval, cluster_string, node_secrets, networks),
        attempt_tokens=AttemptTokens(settings.jwt_secret),
        polls=PollDesk(),
        book=ProgressBook(rules, monotonic),
        watch=TaskWatch(database),
        webhook_secrets=webhook_secrets,
        webhook_sender=webhook_sender,
        webhook_trials=TrialDesk(database, webhook_secrets, webhook_sender),
        gauges=Gauges(),
    )
