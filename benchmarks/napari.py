"""Benchmark of the napari plugin.

Run `python -m benchmarks.napari [--json] [--tokens-side 317]`; it opens a real window.

A study of one slide with N x N tokens (317: 100,489) on a written slide of 100,000 x 100,000 pixels; with
``--points N``, a sample of N cells (their places drawn at random) and its edges. Wall clock, and of clicks
the time of this process too, which other work on the machine does not lengthen; medians; memory is this
process's peak of resident memory (Linux, VmHWM).
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time, sleep

import numpy as np

__all__ = ["run"]

TARGETS = {"plugin_import_s": 1.0, "widget_s": 1.0, "click_to_repaint_s": 1.0, "peak_memory_mb": 1500.0}


def run(side=317, points=None, progress=None):
    """Measure, with tiles or with ``points`` cells. Returns a dict of plain numbers."""
    say, figures = progress or (lambda text: None), {}
    code = "from time import perf_counter as t; a = t(); import viewers.napari_plugin.{}; print(t() - a)"
    for name, module in (("plugin_import_s", "reader"), ("widget_import_s", "widget")):
        figures[name] = float(
            subprocess.run(
                [sys.executable, "-c", code.format(module)], capture_output=True, text=True, check=True
            ).stdout
        )
    with tempfile.TemporaryDirectory() as scratch:
        say("writing the study")
        command = [
            sys.executable,
            "-m",
            "benchmarks.napari",
            "--write",
            scratch,
            "--tokens-side",
            str(side),
            *(["--points", str(points)] if points else []),
        ]
        subprocess.run(command, check=True)  # in a process of its own: its memory is not the viewer's
        folder, figures["tokens"] = Path(scratch) / "study", points or side**2
        import napari
        from qtpy.QtWidgets import QApplication

        from viewers.napari_plugin.start import register

        say("opening napari")
        register()
        start = perf_counter()
        viewer = napari.Viewer(show=True)
        qt = QApplication.instance()
        viewer.window._qt_window.resize(1400, 880)
        qt.processEvents()
        figures["napari_s"] = perf_counter() - start
        start = perf_counter()
        _, widget = viewer.window.add_plugin_dock_widget("prospector-heads", "Review")
        qt.processEvents()
        figures["widget_s"] = perf_counter() - start
        say("opening the study")
        start = perf_counter()
        widget.open_study(folder)
        _wait(lambda: widget.panel is not None, qt)
        _painted(viewer, qt)
        figures["study_s"] = perf_counter() - start
        panel = widget.panel
        panel.timer.stop()  # nothing else happens while a click is measured
        # the first standard error of a fit takes a while, and is not waited for by clicks
        panel.review.about()
        panel.sure_of = panel.review.fit.key
        random, times, worked = np.random.default_rng(0), [], []
        say("clicks")
        for token in random.integers(0, figures["tokens"], 12):
            study, datum = panel.review.study, panel.review.datum
            if not points:
                x, y, width, height = study.token_rect(datum, int(token))
            start, before = perf_counter(), process_time()
            if points:
                place = study.positions(datum)[token]
                panel.review.select_token(
                    datum.uid, panel.scene.nearest(place, panel.scene.layer("points").shown)
                )
            else:
                panel.review.select(x + width / 2, y + height / 2)
            _painted(viewer, qt)
            times.append(perf_counter() - start)
            worked.append(process_time() - before)
        figures["click_cpu_s"] = statistics.median(worked)
        figures["click_to_repaint_s"] = statistics.median(times)
        figures["click_to_repaint_worst_s"] = max(times)
        if points:
            say("colours, edges")
            for name, act in (
                ("colour_to_repaint_s", lambda: panel.scene.colour_by("concepts")),
                ("edges_near_s", lambda: panel.scene.show_graph("near")),
                ("edges_all_s", lambda: panel.scene.show_graph("all")),
                ("edges_none_s", lambda: panel.scene.show_graph("")),
            ):
                start = perf_counter()
                act()
                _painted(viewer, qt)
                figures[name] = perf_counter() - start
        say("an edit, a refit")
        start = perf_counter()
        panel.review.edit(lambda curation: curation.exclude(3))
        _painted(viewer, qt)
        figures["edit_to_repaint_s"] = perf_counter() - start
        start = perf_counter()
        panel.start_refit()
        _wait(lambda: panel.worker is None, qt)
        _painted(viewer, qt)
        figures["refit_to_repaint_s"] = perf_counter() - start
        say("looking around")
        layer, times = panel.scene.layer("points" if points else "slide"), []
        extent = np.ptp(layer.data, axis=0) if points else np.array(layer.level_shapes[0][:2]) * layer.scale
        viewer.reset_view()
        whole = viewer.scene.camera.zoom
        for _ in range(12):
            at = random.uniform(0.1, 0.9, 2) * extent
            start = perf_counter()
            zoom = whole * 2.0 ** random.uniform(0, 6) if points else 2.0 ** random.uniform(-6, 2)
            viewer.scene.camera.center, viewer.scene.camera.zoom = (0, *at), float(zoom)
            _painted(viewer, qt)
            times.append(perf_counter() - start)
        figures["pan_s"], figures["pan_worst_s"] = statistics.median(times), max(times)
        figures["peak_memory_mb"] = _peak_memory()
        widget.close_panel()
        viewer.close()
    figures["targets"] = TARGETS
    return figures


def _wait(so, qt):
    """Wait until something is so; threads get their turn."""
    while not so():
        qt.processEvents()
        sleep(0.002)


def _painted(viewer, qt):
    """Wait until what is to be drawn is drawn."""
    qt.processEvents()
    viewer.window._qt_window._qt_viewer.canvas.native.repaint()
    qt.processEvents()


def _write(scratch, side):
    """A study of one large field of a large slide and five small ones, fitted."""
    from benchmarks.big_slide import write_big_slide
    from prospector_core.study import Study
    from sample_data.fields import SLIDE

    pixels = 100_000
    (scratch / "slides").mkdir()
    write_big_slide(scratch / "slides" / "big.tif", SLIDE, side=pixels)
    pitch, few = pixels // side, min(20, side // 5)
    small = pitch * few
    rows = ["slide,name,x,y,width,height,label", f"big.tif,large,0,0,{pitch * side},{pitch * side},b"]
    rows += [f"big.tif,small {n},{n * small},0,{small},{small},{'ab'[n % 2]}" for n in range(5)]
    (scratch / "labels.csv").write_text("\n".join(rows))
    study = Study.create(
        scratch / "study",
        slides=[scratch / "slides" / "big.tif"],
        labels=scratch / "labels.csv",
        encoder="colour-texture",
        tile=pitch,
        mpp=0.25,
        positive="b",
    )
    random = np.random.default_rng(0)
    for datum in study.data:
        n = side if datum.name == "large" else few
        positions = np.argwhere(np.ones((n, n), bool)).astype(np.int32)
        cluster = (
            positions[:, 0] // 7 * 31 + positions[:, 1] // 5 * 17 + random.integers(0, 3, len(positions))
        ) % 20
        vectors = (10 * np.eye(20, 24)[cluster] + random.normal(0, 0.3, (len(positions), 24))).astype(
            np.float32
        )
        attrs = {
            "origin": [float(datum.field.x), float(datum.field.y)],
            "pitch": float(pitch),
            "shape": [n, n],
            "tile": pitch,
            "mpp": 0.25,
        }
        study.store.write(datum.uid, vectors, positions, attrs)
    study.fit(concepts=20, radius=2)
    study.database.close()


def _write_points(scratch, n):
    """A study of one large sample of cells and five small ones, fitted."""
    from prospector_core.study import FitSettings, Study

    random = np.random.default_rng(0)

    def sample(name, cells):
        side = int(np.ceil(np.sqrt(cells)))
        corner = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)[:cells]
        kind = (corner[:, 0] // 7 * 31 + corner[:, 1] // 5 * 17 + random.integers(0, 3, cells)) % 20
        features = 10 * np.eye(20, 24)[kind] + random.normal(0, 0.3, (cells, 24))
        names = [f"channel {i}" for i in range(24)]
        return {
            "name": name,
            "features": features,
            "positions": (corner + random.uniform(0.1, 0.9, corner.shape)) * 10,
            "names": names,
            "unit": "µm",
        }

    samples = [sample("large", n), *(sample(f"small {i}", 400) for i in range(5))]
    study = Study.create(
        scratch / "study", cells=samples, labels=["b", *"ababa"], positive="b", edges="neighbours:6"
    )
    study.embed()
    study.fit(FitSettings(concepts=20, radius=2))
    study.database.close()


def _peak_memory():
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    return next(
        int(line.split()[1]) / 1000 for line in status.read_text().splitlines() if line.startswith("VmHWM")
    )


def main():
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.napari", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, nothing else")
    parser.add_argument(
        "--tokens-side", type=int, default=317, metavar="N", help="tokens of the slide: N x N"
    )
    parser.add_argument("--points", type=int, metavar="N", help="a sample of N cells instead of a slide")
    parser.add_argument("--write", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        scratch = Path(options.write)
        return (
            _write_points(scratch, options.points) if options.points else _write(scratch, options.tokens_side)
        )
    figures = run(
        options.tokens_side,
        options.points,
        None if options.json else lambda text: print(f"… {text}", file=sys.stderr),
    )
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        if name != "targets":
            target = f"   (to reach: {figures['targets'][name]:g})" if name in figures["targets"] else ""
            print(f"{name:28s} {value if isinstance(value, int) else format(value, '.3g')}{target}")


if __name__ == "__main__":
    main()
