"""Frame times of the page of cells in a real browser: `python -m benchmarks.graph_page [--points 200000]`.

Software drawing where there is no graphics card: then the figures say little of a machine that has one. The
worst frame is one in which all points were drawn; between two of these the browser has nothing to do, and the
median is short.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.browsers import chromium, serve_study

_RECORD = """() => { window.frames_ = []; let last = performance.now(); window.counting_ = true;
  const step = (now) => { window.frames_.push(now - last); last = now;
    if (window.counting_) requestAnimationFrame(step); };
  requestAnimationFrame((now) => { last = now; requestAnimationFrame(step); }); }"""
_PAINTED = (
    "() => [...document.querySelectorAll('*')].some(e => (e.shadowRoot ??"
    " e).querySelector?.('.gv')?.dataset.painted)"
)


def run(points):
    """Measure. Returns a dict of plain numbers, milliseconds per frame."""
    figures = {"points": points}
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "benchmarks.napari", "--write", scratch, "--points", str(points)]
        subprocess.run(command, check=True)
        with serve_study(Path(scratch) / "study") as address, chromium() as browser:
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.set_default_timeout(120_000)
            start = time.perf_counter()
            page.goto(address)
            page.wait_for_function(_PAINTED)
            figures["open_s"] = time.perf_counter() - start
            figures["pen"] = page.locator(".gv").first.get_attribute("data-pen")
            page.wait_for_timeout(3000)
            box = page.locator(".gv-over").first.bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

            def frames(name, act):
                page.evaluate(_RECORD)
                act()
                page.wait_for_function("() => window.frames_.length >= 5")  # also where a frame takes seconds
                page.evaluate("() => { window.counting_ = false; }")
                found = page.evaluate("() => window.frames_")
                figures[f"{name}_ms"], figures[f"{name}_worst_ms"] = statistics.median(found), max(found)

            def drag():
                page.mouse.move(x, y)
                page.mouse.down()
                page.mouse.move(x + 200, y + 80, steps=6)
                page.mouse.up()

            def wheel():
                page.mouse.move(x, y)
                for _ in range(3):
                    page.mouse.wheel(0, -60)
                for _ in range(3):
                    page.mouse.wheel(0, 60)

            frames("still", lambda: page.wait_for_timeout(1000))
            frames("pan", drag)
            frames("zoom", wheel)
            page.keyboard.press("e")
            page.wait_for_timeout(3000)
            frames("pan_with_edges", drag)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.graph_page", description=__doc__)
    parser.add_argument("--points", type=int, default=200_000)
    print(json.dumps(run(parser.parse_args().points), indent=1))
