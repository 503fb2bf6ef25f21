"""Removes what no row names, and what has lived long enough. The source of a live task is never touched."""

import logging
from functools import partial

from coordinator.domain.media import VIDEO
from coordinator.domain.news import FilesUnwanted, MediaUnwanted, PartUnwanted
from coordinator.services import retention, webhooks
from coordinator.services.context import Context

log = logging.getLogger(__name__)
BACKGROUND = "background"
ORPHAN_S = 86_400.0


class Janitor:
    """Files follow rows: a row goes first, its files after the commit, and what a crash left in between later."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._unwanted: list[FilesUnwanted | PartUnwanted | MediaUnwanted] = []

    def hear(self, news: object) -> None:
        """The feed's listener."""
        if isinstance(news, FilesUnwanted | PartUnwanted | MediaUnwanted):
            self._unwanted.append(news)

    async def sweep(self) -> None:
        """Remove the files of rows that were removed."""
        unwanted, self._unwanted = self._unwanted, []
        for item in unwanted:
            if isinstance(item, FilesUnwanted):
                await self._context.files.remove_task(item.task_id)
            elif isinstance(item, PartUnwanted):
                await self._context.files.remove_attempt(item.task_id, item.step_id, item.attempt_id)
            else:
                await self._context.files.remove_media(item.kind, item.media_id)

    async def retire(self) -> None:
        """End what has expired, in small units: results, unused uploads, parts of ended tasks, old keys, messages of
        webhooks, what was told of tasks that are gone."""
        context = self._context
        for unit in (retention.expire, retention.forget_past):
            while await context.database.write(partial(unit, rules=context.rules)):
                pass
        await context.database.write(webhooks.retire)
        while parts := await context.database.write(retention.forget_parts):
            for part in parts:
                await context.files.remove_attempt(part.task_id, part.step_id, part.attempt_id)

    async def orphans(self) -> None:
        """Remove files older than a day that no row names: what a crash left behind."""
        context, old = self._context, self._context.clock() - ORPHAN_S
        for kind in (VIDEO, BACKGROUND):
            for file in context.files.stored_media(kind):
                media_id = file.parts[0]
                named = partial(retention.media_named, media_id=media_id)
                if file.modified < old and not await context.database.read(named):
                    log.info("orphan_removed", extra={"kind": kind, "media_id": media_id})
                    await context.files.remove_media(kind, media_id)
        for file in context.files.stored_attempts():
            task_id, step_id, attempt_id = file.parts
            named = partial(retention.attempt_named, attempt_id=attempt_id)
            if file.modified < old and not await context.database.read(named):
                log.info("orphan_removed", extra={"attempt_id": attempt_id})
                await context.files.remove_attempt(task_id, step_id, attempt_id)
