"""When a fit is said to tell its data apart no better than chance."""

from types import SimpleNamespace

import pytest

from prospector_core.study.chance import no_signal


def _view(**summary):
    return SimpleNamespace(
        summary={"held_out_folds": 5, "fitted_on": 68, "held_out_accuracy": 0.53, **summary}
    )


@pytest.mark.parametrize(
    ("score", "doubted"), [(0.3, True), (0.5, True), (0.6, True), (0.63, False), (1, False)]
)
def test_a_held_out_auroc_within_chance_is_doubted(score, doubted):
    said = no_signal(_view(positive=34, held_out_auroc=score))
    assert (said is not None) == doubted
    if doubted:
        assert said.startswith(f"Held out: 53% of 68 right, AUROC {score:.2f}: no better than chance")


def test_four_data_cannot_exceed_chance_and_six_can():
    assert no_signal(_view(fitted_on=4, positive=2, held_out_auroc=1.0))
    assert no_signal(_view(fitted_on=6, positive=3, held_out_auroc=1.0)) is None


def test_several_classes_are_judged_by_the_mean_of_theirs():
    assert no_signal(_view(class_counts=[20, 24, 24], held_out_auroc=0.55))
    assert no_signal(_view(class_counts=[20, 24, 24], held_out_auroc=0.7)) is None


def test_nothing_is_said_where_nothing_was_held_out():
    assert no_signal(_view(held_out_folds=0, positive=34, held_out_auroc=0.5)) is None
