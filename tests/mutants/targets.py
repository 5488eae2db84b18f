"""Modules that are mutated, and the test files that are to notice: those that say most first.

Compiled functions (``_compiled``) are not among them: each mutant would have to be compiled anew, and as plain Python their
tests take minutes. They are held to the plain versions of ``bench.oracle`` instead.
"""

__all__ = ["TARGETS"]

_CORE, _STUDY = "prospector_core", "prospector_core/study"

TARGETS: dict[str, tuple[str, ...]] = {
    f"{_CORE}/counting.py": ("core/test_counting", "core/test_counts", "core/test_exact_edits"),
    f"{_CORE}/features.py": ("core/test_counting", "core/test_kernels", "core/test_prospecting"),
    f"{_CORE}/soft.py": ("core/test_soft", "core/test_uncertainty"),
    f"{_CORE}/graphs.py": ("core/test_graphs", "core/test_token_graphs", "core/test_prospecting"),
    f"{_CORE}/tfidf.py": ("core/test_kernels", "core/test_prediction"),
    f"{_CORE}/kernels.py": ("core/test_kernels", "core/test_head"),
    f"{_CORE}/prospecting.py": ("core/test_prospecting", "core/test_soft", "core/test_uncertainty", "core/test_golden"),
    f"{_CORE}/triples.py": ("core/test_triples", "core/test_head"),
    f"{_CORE}/hotspots.py": ("core/test_hotspots", "core/test_token_graphs", "core/test_cells"),
    f"{_CORE}/metrics.py": ("core/test_metrics",),
    f"{_CORE}/prediction.py": ("core/test_prediction", "core/test_head"),
    f"{_CORE}/uncertainty.py": ("core/test_uncertainty", "core/test_study_uncertainty"),
    f"{_CORE}/head.py": ("core/test_head", "core/test_triples"),
    f"{_CORE}/tiling.py": ("core/test_tiling",),
    f"{_CORE}/tissue.py": ("core/test_tissue",),
    f"{_CORE}/families.py": ("core/test_families",),
    f"{_CORE}/palette.py": ("core/test_palette",),
    f"{_CORE}/files.py": ("core/test_storage", "core/test_rebuild", "core/test_files"),
    f"{_CORE}/stain.py": ("core/test_stain",),
    f"{_CORE}/sentences.py": ("core/test_sentences",),
    f"{_CORE}/quantizers/base.py": ("core/test_quantizers_rules", "core/test_quantizers"),
    f"{_CORE}/quantizers/kmeans.py": ("core/test_quantizers_rules", "core/test_quantizers"),
    f"{_CORE}/quantizers/mixture.py": ("core/test_quantizers_rules", "core/test_quantizers"),
    f"{_CORE}/quantizers/nearest.py": ("core/test_quantizers", "core/test_quantizers_rules", "core/test_soft"),
    f"{_CORE}/quantizers/residues.py": ("core/test_quantizers_rules", "core/test_quantizers"),
    f"{_CORE}/quantizers/spherical.py": ("core/test_quantizers_rules", "core/test_quantizers"),
    f"{_CORE}/quantizers/tree.py": ("core/test_quantizers_rules", "core/test_quantizers", "core/test_quantizers_study"),
    f"{_CORE}/quantizers/vq.py": ("core/test_quantizers_rules", "core/test_quantizers"),
    f"{_STUDY}/curation.py": (
        "core/test_curation_rules",
        "core/test_curation",
        "core/test_curation_regions",
    ),
    f"{_STUDY}/journal.py": (
        "core/test_replay",
        "core/test_curation",
    ),
    f"{_STUDY}/editors.py": (
        "core/test_replay",
        "core/test_journal_people",
    ),
    f"{_STUDY}/labels.py": ("core/test_labels",),
    f"{_CORE}/exporters/__init__.py": ("core/test_exporters",),
    f"{_CORE}/exporters/geojson.py": (
        "core/test_exporters",
        "core/test_exporters_rules",
    ),
    f"{_CORE}/exporters/h5ad.py": ("core/test_exporters_rules", "core/test_cells"),
    f"{_CORE}/exporters/ometiff.py": (
        "core/test_exporters",
        "core/test_exporters_rules",
    ),
    f"{_CORE}/exporters/points.py": (
        "core/test_exporters_rules",
        "core/test_cells",
    ),
    f"{_CORE}/exporters/structures.py": (
        "core/test_exporters_rules",
        "core/test_structure_study",
    ),
    f"{_CORE}/exporters/tables.py": (
        "core/test_exporters_rules",
        "core/test_exporters",
        "core/test_cells",
    ),
    f"{_CORE}/exporters/texts.py": ("core/test_exporters_rules", "core/test_documents"),
    f"{_CORE}/evaluation/choose.py": (
        "core/test_choice",
        "core/test_evaluation",
    ),
    f"{_CORE}/evaluation/fast.py": (
        "core/test_choice",
        "core/test_metrics",
    ),
    f"{_CORE}/evaluation/mask.py": (
        "core/test_choice",
        "core/test_evaluation",
    ),
    f"{_CORE}/evaluation/null.py": (
        "core/test_choice",
        "core/test_evaluation",
    ),
    f"{_CORE}/evaluation/problem.py": ("core/test_choice",),
    "viewers/tile_server.py": ("viewers/test_tile_server",),
}
