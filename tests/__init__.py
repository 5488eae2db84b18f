"""Tests. Several processes share few cores: threads of BLAS and OpenMP that wait for each other would burn them."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # before numpy is imported
    os.environ.setdefault(name, "1")
