"""A node as a process of its own, with work that copies: `python -m tests.fakes.node_program [hold] [deaf]`.

With `hold` its work never ends by itself; with `deaf` it does not listen to cancel either.
"""

import sys

from interface_node.app import main
from interface_node.settings import from_environment
from tests.fakes.running_node import PACE
from tests.fakes.work import CopyWork

if __name__ == "__main__":
    work = CopyWork()
    if "hold" in sys.argv:
        work.hold()
    work.deaf = "deaf" in sys.argv
    main(from_environment(), work, PACE)
