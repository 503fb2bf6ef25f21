"""What a node must do, asked of a running one: a small coordinator of its own, and one rule after the other."""
