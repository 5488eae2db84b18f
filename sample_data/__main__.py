"""`python -m sample_data`: build the sample studies.

`--score`: how well defaults find the epidermis. `--anew`: from scratch.
"""

import argparse
import sys

from rich.console import Console
from rich.progress import Progress

from prospector_core.errors import ProspectorError

from . import SAMPLES, build_sample, sample_folder


def main():
    """Build, and score if asked."""
    parser = argparse.ArgumentParser(prog="python -m sample_data", description="Build the sample study.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which: {', '.join(SAMPLES)} (default: all)"
    )
    parser.add_argument("--folder", help="where to build it (of one sample)")
    parser.add_argument("--anew", action="store_true", help="throw away what is there and build from scratch")
    parser.add_argument(
        "--score", action="store_true", help="average precision of the slide sample, each field held out"
    )
    options = parser.parse_args()
    names = options.names or (["sample"] if options.folder or options.score else list(SAMPLES))
    if unknown := [name for name in names if name not in SAMPLES]:
        parser.error(f"there is no sample {unknown[0]!r}: choose from {', '.join(SAMPLES)}")
    if options.folder and len(names) > 1:
        parser.error("--folder is for one sample: name it")
    console, made = Console(stderr=True), {}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        for name in names:
            task = bars.add_task(name)
            made[name] = study = build_sample(
                name,
                options.folder,
                anew=options.anew,
                progress=lambda text, done, total, task=task: bars.update(
                    task, description=text, completed=done, total=total
                ),
            )
            folder = options.folder or sample_folder(name)
            print(f"sample study: {folder}, {len(study.data)} data, fit {study.view.id}")
    if options.score:
        from .score import leave_one_field_out

        result = leave_one_field_out(made["sample"])
        for field in result["fields"]:
            print(
                f"{field['name']}  {field['tokens']:3d} tiles  prevalence {field['prevalence']:.2f}  AP"
                f" {field['ap']:.3f}  AUROC {field['auroc']:.3f}"
            )
        print(
            f"mean of {len(result['fields'])} fields: AP {result['ap']:.3f}, AUROC {result['auroc']:.3f};"
            f" prevalence {result['prevalence']:.2f} (= AP of a random map)"
        )


if __name__ == "__main__":
    try:
        main()
    except ProspectorError as error:
        print(f"prospector: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("prospector: stopped; what was finished is kept", file=sys.stderr)
        sys.exit(130)
