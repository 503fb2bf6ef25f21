"""The wire between coordinator and interface nodes: messages, states, error codes, signing."""
