"""``python -m weft.server.openapi`` prints the API's description; the UI's types are made from it."""

import json
import sys

from weft.app import App
from weft.server.app import create_app
from weft.settings import Settings


def main() -> None:
    """Print the OpenAPI document, the same on every machine."""
    json.dump(create_app(App(), settings=Settings.model_construct()).openapi(), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
