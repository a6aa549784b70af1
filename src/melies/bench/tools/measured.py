"""Run the command given as arguments, and print its exit status, its seconds and the most memory that it held.

A process counts what its parent held when it was forked as its own: this parent holds next to nothing.
"""

import os
import subprocess
import sys
import time

began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - began
process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
