"""The command line as ``python -m renzheng``."""

import sys

from renzheng.apps.cli import main

sys.exit(main())
