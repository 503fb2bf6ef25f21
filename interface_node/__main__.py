"""`python -m interface_node`: a node that is told everything by its environment."""

import sys

from interface_node.app import START_ERROR, main
from interface_node.settings import SettingsError, from_environment

if __name__ == "__main__":
    try:
        settings = from_environment()
    except SettingsError as error:
        sys.stderr.write(f"segfleet node: {error}\n")
        sys.exit(START_ERROR)
    main(settings)
