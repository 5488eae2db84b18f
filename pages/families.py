"""Families page: the sites that make the class, grouped by what they are made of.

Each shown with its typical sites, and named.
"""

import csv
import io

import streamlit as st

from pages import shared
from pages.editing import edit_quietly
from pages.fields import field_key, typed
from pages.panels.edits import above
from pages.people import locked
from prospector_core.errors import ProspectorError
from prospector_core.study.families import name_of
from prospector_core.wording import table_cell
from viewers import tile_server
from viewers.access.session import exported
from viewers.kinds.structures import chains
from viewers.kinds.structures.sites import SHOWN, families_of, laid_over, main_concepts
from viewers.logo import residue_logo
from viewers.pictures import mosaic, png
from viewers.site_viewer import site_viewer
from viewers.study_key import study_key
from viewers.tile_grid import tile_grid
from viewers.words import plain, share_text

study = shared.require_fit()
fit = study.view
state = st.session_state
words = study.kind.words


def go(uid, token):
    """To a site on the Structure page; the page goes there below, as a callback cannot."""
    state["at_go"] = uid, int(token)


def named(family, key):
    """Keep the name that was typed."""
    name = typed(key)
    if name is not None and name.strip() != name_of(study.curation.state, family.composition):
        edit_quietly(lambda: study.curation.name_family(family.composition, name))


def made_of(family):
    """The concepts of a family in words."""
    return ", ".join(
        f"{plain(study.concept_name(k))} {share_text(share)}" for k, share in main_concepts(family)
    )


def typical(family):
    """Pictures of the typical sites; a click goes to one."""
    sites = family.sites[:SHOWN]
    across = max(2, min(4, len(sites)))
    key = f"family_{fit.id}_{family.number}"
    pictures = [
        chains.picture_of_residue(study, study.datum(site.datum), int(site.tokens[0]), 120) for site in sites
    ]
    url = tile_server.register_image((study_key(study), key, "sites"), png(mosaic(pictures, across, gap=0)))
    labels = [chains.labels_of(study, study.datum(site.datum)) for site in sites]
    names = [
        f"{', '.join(label[int(at) % len(label)] for at in site.tokens)} of {study.datum(site.datum).name}:"
        " show it in its structure"
        for site, label in zip(sites, labels)
    ]

    def picked():
        pick = state[key].pick
        if pick:
            go(sites[pick["index"]].datum, sites[pick["index"]].tokens[0])

    tile_grid(
        url,
        names,
        key=key,
        label=f"Typical sites of family {family.number + 1}",
        columns=across,
        rows=-(-len(sites) // across),
        on_pick=picked,
    )


def _superposed(family, text, kinds, rmsd):
    """Its typical sites, laid over each other."""
    atoms = tile_server.register_image(
        (study_key(study), "family", fit.id, fit.target, family.number), text, kind="atoms"
    )
    shown = family.sites[:SHOWN]
    palette = study.colours()
    name = f"over_{fit.id}_{family.number}"

    def picked():
        pick = state[name].pick
        if pick:
            go(shown[pick["site"]].datum, shown[pick["site"]].tokens[pick["residue"]])

    site_viewer(
        atoms,
        {chain: [palette[k] for k in its] for chain, its in kinds.items()},
        [study.datum(site.datum).name for site in shown],
        key=name,
        label=f"{len(shown)} typical sites of family {family.number + 1}, superposed",
        on_pick=picked,
    )
    how = f" superposed, mean RMSD {rmsd:.1f} Å to the most typical" if rmsd is not None else ""
    many = f"The {len(shown)} most typical sites" if len(shown) > 1 else "The only site"
    st.caption(f"{many}{how}. Metal ions are drawn where they are; nothing was fitted to them.")


def card(family, colours):
    """One family."""
    with st.container(border=True, key=f"split_family_{family.number}"):
        key = f"shown_family_{fit.id}_{family.number}"
        given = name_of(study.curation.state, family.composition)
        field = field_key(key, given)
        data = len({site.datum for site in family.sites})
        left, middle, right = st.columns([3, 4, 4])
        with left:
            st.text_input(
                f"Name of family {family.number + 1}",
                given,
                key=field,
                placeholder=f"family {family.number + 1}",
                max_chars=60,
                on_change=named,
                args=(family, field),
                disabled=locked(study),
            )
            st.markdown(
                f"**{len(family.sites)} site{'s' if len(family.sites) != 1 else ''}**"
                f" ({share_text(family.share)}) in {data} {words.datum if data == 1 else words.data}"
            )
            st.caption(made_of(family))
        try:
            text, kinds, columns, rmsd = laid_over(study, fit, family)
        except ProspectorError as error:
            with right:
                st.caption(f":orange[:material/warning:] {plain(error)}")
        else:
            with left:
                st.image(
                    residue_logo(columns, colours),
                    alt=f"Residues at each place of family {family.number + 1}: {made_of(family)}",
                )
                st.caption("Information content in bits, at each position of the most typical site")
            with right:
                _superposed(family, text, kinds, rmsd)
        with middle:
            typical(family)


def as_table(families):
    """All sites as CSV."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["family", "name", words.datum, "residues", "sum of scores"])
    for family in families:
        for site in family.sites:
            labels = chains.labels_of(study, study.datum(site.datum))
            residues = "; ".join(labels[int(at) % len(labels)] for at in site.tokens)
            row = [
                family.number + 1,
                name_of(study.curation.state, family.composition),
                study.datum(site.datum).name,
                residues,
            ]
            writer.writerow([*map(table_cell, row), round(site.total, 4)])
    return out.getvalue()


if "at_go" in state:
    uid, token = state.pop("at_go")
    shared.show_token(study.datum(uid), token)

st.markdown("### Families of sites")
st.caption(
    f"A site is a {words.token} that speaks strongly for **{plain(study.classes[fit.target])}** and those in"
    f" contact with it that do too. Sites of all {words.data} of the class are grouped by the concepts they"
    " are made of; no position or sequence is compared. Name what you recognise. Click a site to see it in"
    " its structure."
)
above(study)
with st.spinner("Grouping sites…"):
    families = families_of(study, fit)
if not families:
    st.info("No site speaks for the class.", icon=":material/search_off:")
    st.stop()
residue_colours = {}
for concept, colour in zip(range(fit.n_concepts), study.colours()):
    letter = {name: letter for letter, name in chains.AMINO_ACIDS.items()}.get(study.concept_name(concept))
    if letter:
        residue_colours[letter] = colour
for family in families:
    with shared.errors_said():
        card(family, residue_colours or chains.LETTER_COLOURS)
st.download_button(
    "Save all sites",
    exported(study, "table of sites", lambda: as_table(families)),
    "families.csv",
    "text/csv",
    icon=":material/download:",
    on_click="ignore",
)
