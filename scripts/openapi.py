"""What `/openapi.json` answers, printed without starting anything: ``python -m scripts.openapi``."""

import json
from pathlib import Path
from typing import Any

from coordinator.app import create_app
from coordinator.settings import from_environment


def document() -> dict[str, Any]:
    """The description of the API under default settings, whatever this machine's own are."""
    nowhere = Path(__file__).parent / "no-settings-here"
    return create_app(from_environment(environment={}, directory=nowhere)).openapi()


def text() -> str:
    """The document as docs/openapi.json holds it."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(text(), end="")
