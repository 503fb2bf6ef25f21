"""The coordinator as a node sees it: signed messages, files in both directions, and the coordinator's clock."""
