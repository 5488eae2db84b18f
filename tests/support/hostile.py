"""Studies in which every name, note, colour and language tries to be more than text.

And a server that counts what is fetched.
"""

import contextlib
import http.server
import json
import sqlite3
import threading

from prospector_core.errors import CurationError
from prospector_core.store.stamps import seal_of
from prospector_core.study import Study

__all__ = ["Canary", "MARK", "canary", "plant", "seal", "text"]

MARK = "![i](http"  # stands in every hostile text


class Canary:
    """A server on this machine that no page of ours has a reason to ask.

    Attributes: port; asked, list of paths.
    """

    def __init__(self):
        self.port, self.asked = None, []


@contextlib.contextmanager
def canary():
    """A Canary that listens."""
    found = Canary()

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found.asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_HEAD = do_OPTIONS = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    found.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def text(where, port):
    """A hostile text; ``where``: the field that it is planted in.

    It a request to the canary would name.
    """
    at = f"http://127.0.0.1:{port}/{where}"
    return (
        f'{where} ![i]({at}/md) <img src="{at}/img"'
        ' onerror="document.title=\'PWNED\'"><script>document.title="PWNED";alert(1)</script>'
        f"<a href={at}/a>a</a><svg onload=alert(1)><style>@import '{at}/css';</style> [l]({at}/link)"
        f" {at}/bare www.127.0.0.1:{port} a@b.cd "
        f"**b** _i_ `c` ~~s~~ $\\frac{{a}}{{b}}$ :red[r] :material/home: :smile: :streamlit: -> &lt;b&gt;"
        f" {{{{7*7}}}} {{% raw %}} | "
        f"\" onmouseover='alert(1)' [link={at}/rich]rich[/link] \x1b]0;PWNED\x07\x1b[31m =cmd|' /C calc'!A0 ;"
        " delete all\n\n# Heading\n- item"
    )


def plant(folder, port):
    """Put hostile texts into every field of a study: those that our programs check, past them."""
    study = Study.open(folder)
    n, data = study.view.n_concepts, study.embedded()
    tokens = list(range(min(3, study.n_tokens(data[0]))))
    study.curation.author = "Ann"
    study.curation.annotate(data[0], tokens, "against", note="seen")
    study.curation.exclude(n - 1, reason="seen")
    study.curation.pin(0, 0.5)
    with contextlib.suppress(CurationError):  # residues of one type have nothing that tells them apart
        study.curation.split(1, into=2)
    study.curation.name_family({0: 0.9}, "seen")
    study.refit()
    study.curation.relabel(data[0], None)
    _store(study, port)
    study.database.close()
    with contextlib.closing(sqlite3.connect(folder / "study.sqlite")) as connection:
        _database(connection, n, port)
        connection.commit()


def _store(study, port):
    """Attributes of the embeddings; lengths and what is computed from stay."""
    for file in study.path.glob("embeddings.zarr/*/zarr.json"):
        about = json.loads(file.read_text())
        attrs, length = about["attributes"], 0
        for name in ("title", "unit", "splitter"):  # a language that is none is refused
            if name in attrs or name == "unit":
                attrs[name] = text(name, port)
        if "sections" in attrs:
            length = len(attrs["text"])
            attrs["sections"] = [
                [text("section", port), 0, length // 2],
                [text("section2", port), length // 2, length],
            ]
        if attrs.get("ids"):
            attrs["ids"] = [text(f"id{at}", port) for at in range(len(attrs["ids"]))]
        if "residues" in attrs:
            attrs["residues"] = [text("residue", port) for _ in attrs["residues"]]
        file.write_text(json.dumps(about))
        seal(file.parent)


def seal(folder):
    """Seal the embeddings of a datum again, as anybody can who changed their records."""
    names = [
        name for name in ("", "embeddings", "positions", "edges") if (folder / name / "zarr.json").exists()
    ]
    records = {
        name: {"attributes": {}, **json.loads((folder / name / "zarr.json").read_text())} for name in names
    }
    if "seal" in records[""]["attributes"]:
        records[""]["attributes"]["seal"] = seal_of(records)
        (folder / "zarr.json").write_text(json.dumps(records[""]))


def _database(connection, n, port):
    run = connection.execute
    # a stranger's file has no triggers that keep it honest
    for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        run(f"DROP TRIGGER {name}")
    for key, (value,) in {
        key: run("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        for key in ("classes", "embedding")
    }.items():
        found = json.loads(value)
        if key == "classes":
            found = [text(f"class{at}", port) for at in range(len(found))]
        else:
            for name in ("unit", "notes"):
                found[name] = [text(name, port)] if name == "notes" else text(name, port)
            if found.get("features"):
                found["features"] = [text(f"feature{at}", port) for at in range(len(found["features"]))]
        run("UPDATE meta SET value = ? WHERE key = ?", (json.dumps(found), key))
    run("UPDATE meta SET value = ? WHERE key = 'name'", (json.dumps(text("study", port)),))
    run("UPDATE sources SET name = ? || name", (text("source", port),))
    run("UPDATE data SET name = ? || name, split = 'train'", (text("datum", port),))
    run("UPDATE journal SET author = ?, note = ?", (text("author", port), text("note", port)))
    run("UPDATE fits SET author = ?", (text("fitter", port),))
    run("UPDATE jobs SET message = ?", (text("message", port),))
    for id, payload in run(
        "SELECT id, payload FROM journal WHERE action IN ('exclude', 'family')"
    ).fetchall():
        found = json.loads(payload)
        found["reason" if "reason" in found else "name"] = text("reason", port)
        run("UPDATE journal SET payload = ? WHERE id = ?", (json.dumps(found), id))
    for concept in range(n):
        colour = f"url(http://127.0.0.1:{port}/colour{concept})"
        for action, payload in (
            ("rename", {"concept": concept, "name": text(f"concept{concept}", port)}),
            (
                "recolour",
                {
                    "concept": concept,
                    "colour": (
                        colour,
                        f"#00ff00;background:{colour}",
                        f'"><img src=x onerror=alert(1)>{colour}',
                    )[concept % 3],
                },
            ),
        ):
            run(
                "INSERT INTO journal (at, action, payload, author, note) VALUES (?, ?, ?, ?, ?)",
                (
                    text("time", port) if concept == 1 else "2026-01-01T00:00:00+00:00",
                    action,
                    json.dumps(payload),
                    text("author", port),
                    text("note", port),
                ),
            )
