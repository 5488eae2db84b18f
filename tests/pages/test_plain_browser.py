"""A name is shown as it stands in every place where Streamlit reads Markdown.

In a real browser, as only that knows.
"""

import pytest

from tests.pages.plain_texts import TEXTS
from tests.pages.screen import Screen
from tests.support.browsers import IN_A_BROWSER, serve

pytestmark = IN_A_BROWSER
SHOWN = """(box) => [...box.querySelectorAll("[data-testid=stMarkdownContainer]")].map((one) => ({
  words: one.innerText.replaceAll("\\u2060", ""),
  marked: one.querySelectorAll("a, img, code, pre, del, .katex, h1, h2, h3, table, blockquote, ol, hr, "
    + "svg, sup, [data-testid=stIconMaterial]").length,
}))"""


@pytest.mark.filterwarnings("ignore")
def test_text_is_text_in_every_widget(window, tmp_path):
    with serve("tests/pages/plain_app.py", tmp_path / "log.txt") as url:
        screen = Screen(window(1200, 900), url)
        screen.open()
        screen.page.locator("#drawn").wait_for()
        screen.idle()
        wrong = []
        for number, text in enumerate(TEXTS):
            said = " ".join(text.split())
            found = screen.page.locator(f".st-key-row_{number}").evaluate(SHOWN)
            shown = [each for each in found if each["words"].strip() not in ("r", "s", "x", "1")]
            assert len(shown) >= 13
            for each in shown:
                if (
                    " ".join(each["words"].split()) not in (said, f"{said} and {said}", f"{said} {said}")
                    or each["marked"]
                ):
                    wrong.append((said, each))
        assert not wrong, "\n".join(map(str, wrong))
        assert not [each for each in screen.trouble if "external" in each]
