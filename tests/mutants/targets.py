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
    f"{_CORE}/quantizers/kmeans.py": ("core/test_quantizers",),
    f"{_CORE}/quantizers/nearest.py": ("core/test_quantizers", "core/test_soft"),
    f"{_CORE}/quantizers/tree.py": ("core/test_quantizers", "core/test_quantizers_study"),
    f"{_CORE}/checked.py": ("core/test_kept_rules", "core/test_action_rules", "core/test_hostile_studies"),
    f"{_CORE}/memory.py": ("core/test_memory",),
    f"{_CORE}/readable.py": ("core/test_readable",),
    f"{_CORE}/removal.py": ("core/test_store_safety", "core/test_storage"),
    f"{_CORE}/stamps.py": ("core/test_stamps",),
    f"{_CORE}/trust.py": ("core/test_store_safety",),
    f"{_CORE}/wording.py": ("core/test_wording",),
    f"{_STUDY}/actions.py": ("core/test_action_rules", "core/test_replay"),
    f"{_STUDY}/backup.py": ("core/test_backup",),
    f"{_STUDY}/backup_record.py": ("core/test_backup",),
    f"{_STUDY}/branches.py": ("core/test_kept_rules",),
    f"{_STUDY}/change.py": ("core/test_study_fit", "core/test_classes"),
    f"{_STUDY}/coarse.py": ("core/test_coarse_rules", "core/test_study_coarse"),
    f"{_STUDY}/counts.py": ("core/test_sprite_rules", "core/test_kernel_fit_rules", "core/test_counts"),
    f"{_STUDY}/curation.py": (
        "core/test_curation_rules",
        "core/test_curation",
        "core/test_curation_regions",
    ),
    f"{_STUDY}/database.py": ("core/test_read_only", "core/test_hostile_studies", "core/test_study"),
    f"{_STUDY}/derived.py": ("core/test_kept_rules",),
    f"{_STUDY}/editors.py": (
        "core/test_replay",
        "core/test_journal_people",
    ),
    f"{_STUDY}/findings.py": ("core/test_study_fit", "core/test_classes"),
    f"{_STUDY}/fit.py": ("core/test_kept_rules", "core/test_quantizers_study"),
    f"{_STUDY}/fit_records.py": ("core/test_kept_rules",),
    f"{_STUDY}/journal.py": (
        "core/test_replay",
        "core/test_action_rules",
        "core/test_curation",
    ),
    f"{_STUDY}/kept_fit.py": ("core/test_kept_rules", "core/test_check"),
    f"{_STUDY}/kernel_fit.py": ("core/test_kernel_fit_rules",),
    f"{_STUDY}/labels.py": ("core/test_labels",),
    f"{_STUDY}/records.py": ("core/test_kept_rules",),
    f"{_STUDY}/relink.py": ("core/test_relink",),
    f"{_STUDY}/sources.py": ("core/test_relink", "core/test_readable"),
    f"{_STUDY}/sprites.py": ("core/test_sprite_rules",),
    f"{_STUDY}/timeline.py": ("core/test_action_rules", "core/test_timeline"),
    f"{_CORE}/exporters/__init__.py": ("core/test_exporters",),
    f"{_CORE}/exporters/geojson.py": (
        "core/test_exporters",
        "core/test_exporters_rules",
    ),
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
        "core/test_exporters",
        "core/test_cells",
    ),
    f"{_CORE}/exporters/texts.py": ("core/test_documents",),
    f"{_CORE}/evaluation/choose.py": (
        "core/test_choice",
        "core/test_evaluation",
    ),
    f"{_CORE}/evaluation/fast.py": (
        "core/test_choice",
        "core/test_metrics",
    ),
    f"{_CORE}/evaluation/heads.py": ("core/test_evaluation_rules",),
    f"{_CORE}/evaluation/mask.py": (
        "core/test_choice",
        "core/test_evaluation",
    ),
    f"{_CORE}/evaluation/null.py": (
        "core/test_choice",
        "core/test_evaluation",
    ),
    f"{_CORE}/evaluation/problem.py": ("core/test_choice",),
    f"{_CORE}/evaluation/studies.py": ("core/test_evaluation_rules", "core/test_evaluation"),
    f"{_CORE}/evaluation/tasks.py": ("core/test_evaluation_rules",),
    "viewers/tile_server.py": ("viewers/test_tile_server",),
}
