"""The small pages that the gate itself shows."""

from string import Template

__all__ = ["ENTERING", "LOG_IN", "REFUSED", "UNKNOWN"]

_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">{head}
<title>Prospector</title>
<style>body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 15vh auto; padding: 0 1.5rem;
color-scheme: light dark }}
h1 {{ font-size: 1.4rem }} code {{ font-size: 0.95em }}</style></head><body>{body}</body></html>
"""

REFUSED = _FRAME.format(
    head="",
    body="""<h1>This app is open for the person who started it</h1>
<p>Open the address that <code>prospector app</code> printed: it ends in a token, which is new each
time the app starts. To see it again, run <code>prospector app --list</code>.</p>
<p>If you came from a link on another page, and have the app open in this browser:
<a href="">open it here</a>.</p>""",
)

ENTERING = Template(
    _FRAME.format(
        head='<meta http-equiv="refresh" content="0;url=$address">',
        body='<p><a href="$address">Open Prospector</a></p>',
    )
)

LOG_IN = Template(
    _FRAME.format(
        head="",
        body="""<h1>Prospector</h1>
<p>Log in with the account of your institution. What you edit is kept under its name.</p>
<p><a href="$address" role="button" style="display: inline-block; padding: .5rem 1.25rem;
border-radius: .4rem; background: #0b6e99; color: #fff; text-decoration: none">Log in</a></p>""",
    )
)

UNKNOWN = _FRAME.format(
    head="",
    body="""<h1>It is not known who you are</h1>
<p>This server is reached through the address that your department uses for it, where you log in.
If you came from there: <a href="">try again</a>, and else tell those who run the server.</p>""",
)
