"""The pages without a browser: what stands on them, and what a click does."""

import json
import re

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import ROOT

__all__ = ["App", "as_it_reads"]


def as_it_reads(text):
    """Markdown without the escapes that ``viewers.words.plain`` puts into names."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text).replace("\N{WORD JOINER}", "")


class App:
    """One session of the app."""

    def __init__(self, page="datum"):
        self.at = AppTest.from_file(str(ROOT / "pages" / "_start.py"), default_timeout=60)
        if page != "datum":
            self.at.switch_page(f"{page}.py")
        self.at.run()

    def go(self, page):
        """Another page of the navigation."""
        self.at.switch_page(f"{page}.py").run()
        return self.sound()

    def run(self):
        """The same page once more."""
        self.at.run()
        return self.sound()

    def sound(self):
        """No page ends in a traceback."""
        assert not self.at.exception, self.at.exception[0].message
        return self

    def press(self, label):
        """A button by its key, else by its text."""
        button = next((b for b in self.at.button if b.key == label), None) or self.button(label)
        assert not button.disabled, label
        button.click().run()
        return self.sound()

    def open(self, key):
        """A popover by the key of what it offers: its content is there only while it is open."""
        self.at.session_state[f"{key}_box"] = True
        return self.run()

    def button(self, label):
        return next(b for b in self.at.button if b.label == label)

    def has_button(self, label):
        return any(label in (b.label, b.key) for b in self.at.button)

    def field(self, key):
        """A field whose value is kept in the journal.

        By the key that it had at first (``asked.field_key``).
        """
        fields = [*self.at.text_input, *self.at.color_picker]
        return next(each for each in fields if re.fullmatch(rf"{key}(_\d+)?", each.key or ""))

    def viewers(self):
        """What each slide viewer was given, from left to right."""
        return [data for data in self._components() if "slide" in data]

    def viewer(self):
        """What the (first) slide viewer was given."""
        return self.viewers()[0]

    def strip(self):
        """What the filmstrip was given."""
        return next(data for data in self._components() if "items" in data)

    def _components(self):
        protos = [component.proto for component in self.at.get("bidi_component")]
        return [json.loads(proto.json) if proto.json else json.loads(proto.mixed.json) for proto in protos]

    def pick(self, study, datum, token):
        """Select a tile, as a click on the slide does."""
        self.at.session_state["at_datum"], self.at.session_state["at_token"] = study.datum(datum).uid, token
        return self.run()

    @property
    def text(self):
        """Everything readable, in one string."""
        at = self.at
        kinds = (
            at.markdown,
            at.caption,
            at.info,
            at.warning,
            at.error,
            at.title,
            at.metric,
            at.toast,
            at.success,
        )
        parts = [each.value for kind in kinds for each in kind] + [each.label for each in at.metric]
        html = [each.proto.body for each in at.get("html")] if at.get("html") else []
        return as_it_reads("\n".join(map(str, [*parts, *html])))  # as it reads, without escapes

    @property
    def errors(self):
        return [as_it_reads(each.value) for each in self.at.error]
