"""The videos of a user."""

from coordinator.api.media_routes import media_router

router = media_router("video", "videos")
