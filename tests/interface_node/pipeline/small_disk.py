"""A run in a process that may not write files above a size: what a full disk looks like, without filling one.

Called as `python -m tests.interface_node.pipeline.small_disk SOURCE TARGET BYTES`; prints the error's class and code.
"""

import resource
import sys
from pathlib import Path

from interface_node.errors import NodeError
from interface_node.pipeline.run import run
from interface_node.pipeline.spec import Plain, RunSpec
from protocol.states import Output
from protocol.work import Encoding
from tests.fakes.segmenters import Halves

if __name__ == "__main__":
    source, target, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    spec = RunSpec(source, Plain(0, 0, 0), {Output.COMPOSITE: target}, Encoding(crf=1))
    try:
        run(spec, Halves(), lambda progress: None, lambda: False)
    except NodeError as error:
        sys.stdout.write(f"{type(error).__name__} {error.error_class}\n")
