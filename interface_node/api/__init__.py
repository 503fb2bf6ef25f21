"""What the coordinator and an operator ask a node over HTTP."""
