"""The Atlas page without a browser: what is drawn, and what a click on a point does."""

import json

import numpy as np
import pytest

from pages.atlas_chosen import parts_of
from prospector_core.study import Study
from tests.pages.app import App
from tests.pages.conftest import copy_study
from viewers import tile_server


@pytest.fixture(scope="module")
def pristine(pristine, tmp_path_factory):
    """The study that tests copy, its atlas laid out once."""
    folder = copy_study(pristine, tmp_path_factory.mktemp("laid-out") / "skin")
    study = Study.open(folder)
    study.atlas(3000)
    study.database.close()
    return folder


def given(app):
    """What the atlas was given."""
    protos = [component.proto for component in app.at.get("bidi_component")]
    found = [json.loads(proto.json) if proto.json else json.loads(proto.mixed.json) for proto in protos]
    return next(data for data in found if "points" in data)


def test_points_are_tiles_with_their_concepts_and_scores(folder):
    study = Study.open(folder)
    app = App("atlas")
    data, atlas = given(app), study.atlas(3000)
    assert len(atlas) == len(data["points"]["x"]) == sum(study.n_tokens(d) for d in study.data)
    for number in range(0, len(atlas), 37):
        datum, token = study.datum(atlas.uids[atlas.datum[number]]), atlas.token[number]
        assert data["points"]["concept"][number] == study.concepts_of(datum)[token]
        assert data["points"]["name"][number] == datum.name
        np.testing.assert_allclose(data["points"]["score"][number], study.prospect(datum)[token], atol=1e-4)
    assert str(folder) not in json.dumps(data)
    # the tile of a point, and none beyond the last
    rest = data["pictures"].split(f"{tile_server.server().token}/")[1]
    answer = tile_server.server()._answer
    assert answer(f"{rest}/0/7_0.png").body.startswith(b"\x89PNG")
    assert {answer(f"{rest}/{bad}.png").status_code for bad in (f"0/{len(atlas)}_0", "1/0_0", "0/0_1")} == {
        404
    }


def test_a_point_is_explained_and_shown_on_its_slide(folder):
    study = Study.open(folder)
    app, atlas = App("atlas"), study.atlas(3000)
    assert "Point at a tile" in app.text
    app.at.session_state["atlas_point"] = 11
    app.run()
    datum, token = study.datum(atlas.uids[atlas.datum[11]]), int(atlas.token[11])
    explanation = study.explain(datum, token)
    assert f"{explanation.score:+.2f}".replace("-", "−") in app.text and datum.name in app.text
    assert given(app)["selected"] == 11
    assert f"Is **{study.concept_name(explanation.concept)}** right?" in app.text.replace("\\", "")
    app.press("atlas_show")
    assert app.at.session_state["at_datum"] == datum.uid and app.at.session_state["at_token"] == token


def test_tiles_chosen_together_are_told_moved_and_marked_in_one_step(folder):
    study = Study.open(folder)
    app, atlas = App("atlas"), study.atlas(3000)
    chosen = list(range(0, len(atlas), 9))[:40]
    parts = parts_of(atlas, chosen)
    assert len(parts) > 1 and sum(map(len, parts.values())) == len(chosen)
    app.at.session_state["atlas_chosen"] = chosen
    app.run()
    assert f"**{len(chosen)} tiles** chosen" in app.text and given(app)["chosen"] == chosen
    concepts = [int(study.concepts_of(uid)[token]) for uid, tokens in parts.items() for token in tokens]
    most = max(set(concepts), key=concepts.count)
    assert f"{study.concept_name(most)} ({concepts.count(most)})" in app.text
    uid = max(sorted(parts), key=lambda each: len(parts[each]))
    assert f"{study.datum(uid).name} ({len(parts[uid])})" in app.text
    app.open("atlas_move")
    app.at.selectbox(key="atlas_move_to").set_value(2)
    app.press("atlas_move_try")
    assert f"Preview: move {len(chosen)} tiles of" in app.text and not study.curation.state.steps
    app.press("atlas_move")
    assert {step[0]: list(step[1]) for step in study.curation.state.steps} == parts
    assert f"Waiting for a refit: **Moved {len(chosen)} tiles of" in app.text
    app.press("undo_here")
    assert not study.curation.state.steps
    app.open("atlas_mark")
    app.at.radio(key="atlas_mark_as").set_value("ignore")
    app.press("atlas_mark")
    assert {region.datum: list(region.tokens) for region in study.curation.state.regions} == parts
    app.press("undo_here")
    assert not study.curation.state.regions
    app.press("atlas_none")
    assert "Draw a lasso" in app.text and given(app)["chosen"] == []
