"""The components as a plugin: what the engine starts when a program in any language uses one."""

import sys

from provider import Components  # type: ignore[import-not-found]  # it stands beside this file
from pulumi.provider import main

if __name__ == "__main__":
    main(Components(), sys.argv[1:])
