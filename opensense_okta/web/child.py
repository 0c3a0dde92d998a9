"""Runs a module as a child that ends with its parent: `python -m opensense_okta.web.child MODULE ARGUMENTS`.

A parent that is killed cannot end its children. A daemon that is left would start every run twice as soon as
the next `ui` has started its own.
"""

import ctypes
import runpy
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def end_with_parent() -> None:
    """Asks the kernel for SIGTERM when the parent has ended; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    end_with_parent()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
