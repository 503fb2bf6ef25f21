"""Attempts in worker processes of their own: what a file does to its reader, it does not do to the node."""
