"""Every code that an answer can carry, for programs and translators."""

from typing import Any

from fastapi import APIRouter

from protocol.problems import PROBLEMS

router = APIRouter(tags=["problems"])


@router.get("/problems", name="list")
async def problems() -> dict[str, Any]:
    """All problem codes with their status and their titles in English and Chinese."""
    items = [
        {"code": code, "status": kind.status, "title": {"en": kind.en, "zh": kind.zh}}
        for code, kind in PROBLEMS.items()
    ]
    return {"items": items, "next": None}
