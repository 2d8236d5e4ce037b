import sys

from dtrb.cli import main

sys.exit(main())
