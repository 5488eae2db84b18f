"""An app whose callbacks and pages are slow, as on a busy machine.

What was done is written to the file $DONE.
"""

import os
import sys
import time
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).parents[2]))

from pages.fields import field_key, typed
from viewers.streamlit_patches import apply_patches

apply_patches()


def done(what):
    """Write down what was done."""
    with open(os.environ["DONE"], "a") as file:
        print(what, file=file)


def named(key):
    """Keep what was typed; the session is asked only after a while."""
    time.sleep(0.2)
    name = typed(key)
    if name is None:
        return
    st.session_state["names"][key[0]] = name
    done(f"{key[0]} {name}")


def pressed():
    """Do what the button says."""
    time.sleep(0.2)
    done(f"press {st.session_state['names']['a']}")


def taken_back():
    """The name of a changes without its field."""
    st.session_state["names"]["a"] = "first"
    done("back")


@st.fragment(run_every=0.7)
def looked():
    """What looks every little while, in the sidebar."""
    time.sleep(0.3)
    st.write("looked")


def one():
    """Two fields and some buttons, and a second that nothing interrupts."""
    names = st.session_state.setdefault("names", {"a": "first", "b": "first"})
    for which in "ab":
        key = field_key(which, names[which])
        st.text_input(which, names[which], key=key, on_change=named, args=(key,))
    with st.sidebar:
        looked()
    st.button("press", on_click=pressed)
    st.button("back", on_click=taken_back)
    st.button("busy")
    time.sleep(1.0)
    st.write("end")


def two():
    """Another page."""
    st.write("the other page")


st.navigation([st.Page(one, title="One"), st.Page(two, title="Two")]).run()
