"""Texts that Markdown, or Streamlit's additions to it, would take for more than text."""

__all__ = ["TEXTS"]

TEXTS = [
    "![i](http://127.0.0.1:9/x)",
    "[l](http://127.0.0.1:9/y)",
    "http://127.0.0.1:9/z www.example.org a@example.org <http://127.0.0.1:9/q>",
    "**b** __b__ *i* _i_ ~~s~~ `c` ``c``",
    "$\\frac{a}{b}$ $$x$$ $5 and $6",
    ":red[r] :blue-background[r] :small[s] :badge[b] :help[h]{x} :color[c]{foreground=red}",
    ":material/home: :material_home: :smile: :+1: :streamlit:",
    "-> <- <-> -- >= <= ~=",
    "# heading",
    "- item",
    "+ item",
    "1. item",
    "2) item",
    "> quote",
    "| a | b |",
    "--- ",
    "```",
    "<b>x</b> <img src=http://127.0.0.1:9/h onerror=alert(1)> <script>alert(1)</script>",
    "&lt;b&gt; &#33; &amp;",
    "\\*x\\* \\",
    "[^1] [x]: http://127.0.0.1:9/r",
    "{{7*7}} {% x %}",
    "a: b (c) -5 e.g. 3-4",
]
