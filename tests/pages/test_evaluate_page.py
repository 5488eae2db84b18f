"""The Evaluation page: signal against shuffled labels, a search that says why, and nothing without a fit."""

from tests.pages.app import App


def test_signal_is_asked_for_and_answered(folder):
    app = App("evaluate").sound()
    assert "Is there any signal?" in app.text and "by labels alone" in app.text and not app.errors
    app.at.number_input[0].set_value(20)
    app.press("Shuffle labels")
    assert "vidence" in app.text and "stand out" in app.text and not app.errors


def test_without_a_study_it_says_what_to_do(nothing):
    assert "Fit a study first" in App("evaluate").sound().text
