"""Starting a thread where there may be none: the caller then works itself."""

import sys
import threading


def start_if_possible(thread: threading.Thread) -> bool:
    """Start a thread; return whether there is one.

    The system may allow no more threads, or have no memory for one. While Python shuts
    down no new thread runs, and ``Thread.start`` would wait for ever.
    """
    if sys.is_finalizing():
        return False
    try:
        thread.start()
    except RuntimeError:
        return False
    return True
