"""``python -m renzheng``."""

import sys

from renzheng.cli import main

sys.exit(main())
