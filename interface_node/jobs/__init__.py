"""What a node does with its life: join, say so, take work, do it, report it, leave."""
