"""Tests in forked processes: which test runs which line, and whether one notices a mutation.

The parent imports the libraries once and nothing of ours; each child imports our modules again, the mutated
one from its new text, so that a mutant costs a second and not the start of everything.
"""

from __future__ import annotations

import importlib.machinery
import json
import os
import resource
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

__all__ = ["ROOT", "Known", "Mutant", "preload", "survey", "start", "wait"]

ROOT = Path(__file__).parents[2]
_OPTIONS = [
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:faulthandler",
    "-p",
    "_hypothesis_pytestplugin",
    "-o",
    "tmp_path_retention_policy=none",
    "--disable-warnings",
    "--tb=short",
]
_BROKEN = 70  # the child's own fault, not that of a test
_MEMORY = 6 << 30  # of addresses beyond what the parent has: a mutant may ask for any amount


def preload() -> None:
    """Import what tests and our modules take from other packages."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    names = (
        "coverage",
        "hypothesis.strategies",
        "numba",
        "scipy.ndimage",
        "scipy.spatial",
        "scipy.stats",
        "scipy.sparse.csgraph",
        "scipy.cluster.hierarchy",
        "scipy.optimize",
        "sklearn.cluster",
        "sklearn.linear_model",
        "sklearn.metrics",
        "sklearn.mixture",
        "sklearn.preprocessing",
        "networkx",
        "shapely",
        "tifffile",
        "imagecodecs",
        "PIL.Image",
        "zarr",
        "safetensors.numpy",
        "gemmi",
        "typer",
        "rich",
        "starlette.applications",
        "openslide",
        "onnxruntime",
        "torch",
        "streamlit",
        "pyarrow.parquet",
        "h5py",
    )
    for name in names:
        with suppress(ImportError):
            __import__(name)


@dataclass
class Known:
    """What a run of a module's tests told.

    Attributes
    ----------
    tests : {test: seconds}, in their order
    lines : {line: tests that run it}
    bad : tests that fail without any mutation: they cannot notice one
    """

    tests: dict[str, float]
    lines: dict[int, set[str]] = field(repr=False)
    bad: list[str] = field(default_factory=list)


class _Watch:
    """Notes who runs which line, test by test.

    What a fixture of a whole file does counts for all its tests.
    """

    def __init__(self, cov) -> None:
        self.cov, self.tests, self.bad = cov, {}, []

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item):
        self.cov.switch_context(item.nodeid)
        yield
        self.cov.switch_context("")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        if fixturedef.scope == "function":
            yield
            return
        self.cov.switch_context("file:" + request.node.nodeid.split("::")[0])
        yield
        if item := getattr(request, "_pyfuncitem", None):
            self.cov.switch_context(item.nodeid)

    def pytest_runtest_logreport(self, report):
        self.tests[report.nodeid] = self.tests.get(report.nodeid, 0.0) + report.duration
        if report.skipped:
            self.tests.pop(report.nodeid, None)
        if report.failed:
            self.bad.append(report.nodeid)


class _Chosen:
    """Runs these tests only, in this order."""

    def __init__(self, tests: list[str]) -> None:
        self.place = {test: at for at, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        items[:] = sorted(
            (item for item in items if item.nodeid in self.place), key=lambda item: self.place[item.nodeid]
        )


def _child(work, out: Path) -> int:
    """Fork; the child does `work`, its words go to a file, what it makes into a folder beside.

    Returns its id.
    """
    made = _folder_of(out)
    made.mkdir(parents=True)
    pid = os.fork()
    if pid:
        return pid
    code = _BROKEN
    try:
        os.setsid()
        os.chdir(ROOT)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        os.environ["TMPDIR"] = tempfile.tempdir = str(made)
        text = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for handle in (1, 2):
            os.dup2(text, handle)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = work()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(int(code))


def _folder_of(out: Path) -> Path:
    return out.with_suffix(".made")


def survey(module: str, files: list[str], folder: Path) -> Known:
    """Run the tests of a module once, and note which run what. Raises RuntimeError if that cannot be."""
    out = folder / "survey.json"

    def work():
        import coverage

        cov = coverage.Coverage(data_file=None, include=[str(ROOT / module)], config_file=False)
        watch = _Watch(cov)
        cov.start()
        code = pytest.main([*_OPTIONS[1:], *files], plugins=[watch])
        cov.stop()
        lines = dict(cov.get_data().contexts_by_lineno(str(ROOT / module)).items())
        out.write_text(json.dumps({"tests": watch.tests, "bad": watch.bad, "lines": lines}))
        return code

    out.unlink(missing_ok=True)
    os.waitpid(_child(work, folder / "survey.log"), 0)
    shutil.rmtree(_folder_of(folder / "survey.log"), ignore_errors=True)
    if not out.exists():
        raise RuntimeError(
            f"the tests of {module} cannot be run:\n{(folder / 'survey.log').read_text()[-3000:]}"
        )
    found = json.loads(out.read_text())
    tests = {test: seconds for test, seconds in found["tests"].items() if test not in found["bad"]}
    lines: dict[int, set[str]] = {}
    for line, contexts in found["lines"].items():
        who = lines.setdefault(int(line), set())
        for context in contexts:
            if context.startswith("file:"):
                who.update(test for test in tests if test.startswith(context[5:] + "::"))
            elif context in tests:
                who.add(context)
    return Known(tests, lines, found["bad"])


@dataclass
class Mutant:
    """A mutant that is being tried."""

    pid: int
    end: float
    out: Path


def start(module: str, source: str, tests: list[str], seconds: float, out: Path) -> Mutant:
    """Begin to run tests on a mutated module. Tests must be given file by file."""
    name = module.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    path, limit = str(ROOT / module), int(20 + 5 * seconds)

    def work():
        # time on the processor, not on the wall: the machine may be busy
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, resource.RLIM_INFINITY))
        usual = importlib.machinery.SourceFileLoader.get_code

        def get_code(loader, fullname):
            return compile(source, path, "exec") if fullname == name else usual(loader, fullname)

        importlib.machinery.SourceFileLoader.get_code = get_code
        files = list(dict.fromkeys(test.split("::")[0] for test in tests))
        return pytest.main([*_OPTIONS, *files], plugins=[_Chosen(tests)])

    return Mutant(_child(work, out), time.monotonic() + 8 * limit, out)


def wait(mutants: list[Mutant]) -> tuple[Mutant, str]:
    """Wait for one of them to end: it, and "killed", "survived" or "timeout"."""
    while True:
        for mutant in mutants:
            pid, status = os.waitpid(mutant.pid, os.WNOHANG)
            late = not pid and time.monotonic() > mutant.end
            if not pid and not late:
                continue
            with suppress(ProcessLookupError):
                os.killpg(mutant.pid, signal.SIGKILL)
            if late:
                os.waitpid(mutant.pid, 0)
            shutil.rmtree(_folder_of(mutant.out), ignore_errors=True)
            slow = late or (
                os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
            )
            if (
                not slow
                and os.WIFEXITED(status)
                and os.WEXITSTATUS(status) in (pytest.ExitCode.NO_TESTS_COLLECTED, _BROKEN)
            ):
                raise RuntimeError(f"tests of a mutant were not run:\n{mutant.out.read_text()[-3000:]}")
            return mutant, "timeout" if slow else "survived" if status == 0 else "killed"
        time.sleep(0.02)
