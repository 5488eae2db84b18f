"""Which folders a wheel has, and under which names; all else stands in pyproject.toml.

``app``, ``pages`` and ``sample_data`` are names that others have, too: they go below ``prospector_app``.
"""

from setuptools import find_packages, setup

BELOW = ("pages", "sample_data")
names = find_packages(include=["prospector_core*", "viewers*", *(f"{name}*" for name in BELOW)])
below = [f"prospector_app.{name}" for name in names if name.split(".")[0] in BELOW]
setup(
    py_modules=["prospector_app.app"],
    packages=[*below, *(name for name in names if name.split(".")[0] not in BELOW)],
    package_dir={"prospector_app": ".", **{f"prospector_app.{name}": name for name in BELOW}},
)
