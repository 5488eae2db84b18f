"""The two small pages that the gate itself shows."""

from string import Template

__all__ = ["ENTERING", "REFUSED"]

_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">{head}<title>Prospector</title>
<style>body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 15vh auto; padding: 0 1.5rem; color-scheme: light dark }}
h1 {{ font-size: 1.4rem }} code {{ font-size: 0.95em }}</style></head><body>{body}</body></html>
"""

REFUSED = _FRAME.format(
    head="",
    body="""<h1>This app is open for the person who started it</h1>
<p>Open the address that <code>prospector app</code> printed: it ends in a token, which is new each time the app starts.
To see it again, run <code>prospector app --list</code>.</p>
<p>If you came from a link on another page, and have the app open in this browser: <a href="">open it here</a>.</p>""",
)

ENTERING = Template(
    _FRAME.format(
        head='<meta http-equiv="refresh" content="0;url=$address">',
        body='<p><a href="$address">Open Prospector</a></p>',
    )
)
