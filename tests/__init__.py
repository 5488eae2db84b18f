"""Tests. A package, so that no installed one of this name is taken for it (torchstain brings one)."""

import os

# Before numpy is imported: several processes share few cores, and threads of BLAS and OpenMP that wait for
# each other burn them.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
