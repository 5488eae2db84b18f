"""`prospector relink`: slides that moved are found again, and what is not is named."""

import json

from tests.cli.conftest import paint


def made(slides, prospector):
    assert (
        prospector(
            "new",
            "study",
            "--slides",
            "slides",
            "--labels",
            "labels.csv",
            "--encoder",
            "colour-texture",
            "--tile",
            16,
        ).returncode
        == 0
    )
    return slides


def test_slides_that_moved_are_found(slides, prospector):
    home = made(slides, prospector)
    (home / "archive").mkdir()
    (home / "slides").rename(home / "archive" / "2026")
    looked = prospector("relink", "study", "archive", "--dry-run", "--json")
    assert looked.returncode == 0 and not json.loads(looked.stdout)["written"]
    assert "no longer at" in prospector("embed", "study").stderr
    done = prospector("relink", "study", "archive")
    assert done.returncode == 0 and "6 of 6 found" in done.stdout and "name and content" in done.stdout
    assert prospector("embed", "study").returncode == 0
    assert prospector("relink", "study", "archive").stdout.strip() == "6 of 6 found"


def test_what_is_not_found_is_named_in_one_line_and_the_rest_is_kept(slides, prospector):
    home = made(slides, prospector)
    (home / "slides").rename(home / "away")
    (home / "away" / "p0.png").unlink()
    paint(home / "away" / "n0.png", 99, 0.5)
    done = prospector("relink", "study", "away")
    assert (
        done.returncode == 2 and "4 of 6 found" in done.stdout and "same name, other content" in done.stdout
    )
    assert (
        done.stderr
        == "prospector: not found: n0.png, p0.png: give other folders; to take files of other content:"
        " --anyway\n"
    )
    files = {
        each["file"]: each
        for each in json.loads(prospector("relink", "study", "away", "--json").stdout)["files"]
    }
    assert files["p1.png"]["result"] == "there" and files["p0.png"]["near"]
    taken = prospector("relink", "study", "away", "--anyway")
    assert "5 of 6 found" in taken.stdout and "name alone, even if its content differs" in taken.stdout


def test_a_folder_that_is_not_there_is_bad_input(slides, prospector, complaint):
    made(slides, prospector)
    assert "there is no folder nowhere" in complaint("relink", "study", "nowhere")
    assert "there is no study" in complaint("relink", "elsewhere", "slides")
