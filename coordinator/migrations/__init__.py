"""Alembic's revisions; `coordinator.store.migrate` runs them at the start."""
