"""Which models there are, where their files come from and how they are fed."""
