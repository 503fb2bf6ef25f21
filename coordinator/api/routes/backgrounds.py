"""The backgrounds of a user: stills, and videos to run behind somebody."""

from coordinator.api.media_routes import media_router

router = media_router("background", "backgrounds")
