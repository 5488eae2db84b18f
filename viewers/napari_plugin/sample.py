"""The sample study from napari's File menu."""

__all__ = ["sample_study"]


def sample_study():
    """Layers of the sample study; it is built first if it is not there, which takes half a minute."""
    from ..installation import sample_data
    from .reader import read_study

    folder = sample_data().sample_folder()
    if not (folder / "study.sqlite").exists():
        from napari.utils import progress

        with progress(desc="Building the sample study") as bar:

            def tell(text, done, total):
                bar.set_description(text)
                if total:
                    bar.total, bar.n = total, done
                    bar.refresh()

            sample_data().build_sample("sample", folder, progress=tell)
    return read_study(folder)
