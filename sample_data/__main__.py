"""`python -m sample_data`: build the sample study. `--score`: how well its defaults find the epidermis. `--anew`: from scratch."""

import argparse
import sys

from rich.console import Console
from rich.progress import Progress

from prospector_core.errors import ProspectorError

from .build import build, sample_folder
from .score import leave_one_field_out


def main():
    """Build, and score if asked."""
    parser = argparse.ArgumentParser(prog="python -m sample_data", description="Build the sample study.")
    parser.add_argument("--folder", help="where to build it")
    parser.add_argument("--anew", action="store_true", help="throw away what is there and build from scratch")
    parser.add_argument("--score", action="store_true", help="average precision, each field held out")
    options = parser.parse_args()
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("sample study")
        study = build(
            options.folder, anew=options.anew,
            progress=lambda text, done, total: bars.update(task, description=text, completed=done, total=total),
        )  # fmt: skip
    print(f"sample study: {options.folder or sample_folder()}, {len(study.data)} fields, fit {study.current_fit.id}")
    if options.score:
        result = leave_one_field_out(study)
        for field in result["fields"]:
            print(
                f"{field['name']}  {field['tokens']:3d} tiles  prevalence {field['prevalence']:.2f}  AP {field['ap']:.3f}  AUROC {field['auroc']:.3f}"
            )
        print(
            f"mean of {len(result['fields'])} fields: AP {result['ap']:.3f}, AUROC {result['auroc']:.3f}; prevalence {result['prevalence']:.2f} (= AP of a random map)"
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
