"""Families page: the sites that make the class, grouped by what they are made of.

Each shown with its typical sites, and named.
"""

import csv
import io

import numpy as np
import streamlit as st

from pages import chains, shared
from pages.asked import field_key, typed
from pages.edits import above
from pages.people import locked
from pages.session import edit_quietly
from pages.words import plain, share_text
from prospector_core.errors import ProspectorError
from prospector_core.method.families import superpose
from prospector_core.modalities.structures.contacts import contact_points
from prospector_core.modalities.structures.trajectory import read_frames
from prospector_core.study.families import find_families, name_of
from prospector_core.wording import table_cell
from viewers import tile_server
from viewers.access.session import exported
from viewers.logo import residue_logo
from viewers.pictures import mosaic, png
from viewers.site_viewer import site_viewer
from viewers.tile_grid import tile_grid

SHOWN = 8  # typical sites of a family

study = shared.require_fit()
fit = study.current_fit
state = st.session_state
words = study.kind.words


@st.cache_data(show_spinner=False, max_entries=8)
def found(study_key, fit_id, target, labels, _study):
    """The families of a fit."""
    return find_families(_study)


@st.cache_data(show_spinner=False, max_entries=64)
def laid_over(study_key, fit_id, target, number, _study, _family):
    """Typical sites over the most typical one.

    (mmCIF text, chains' concepts, columns of the logo, rmsd of each).
    """
    lines, kinds, columns, reference, rmsds = _header(), {}, [], None, []
    for at, site in enumerate(_family.sites[:SHOWN]):
        datum = _study.datum(site.datum)
        opened = _study.open_structure(datum)
        frames = read_frames(opened, datum.part or {}, _study.structure_path(datum).parent)
        n = len(frames[0][1])
        chain, residues = frames[int(site.tokens[0]) // n][1], [int(token) % n for token in site.tokens]
        points = np.stack([chain.xyz[residues], contact_points(chain, "side")[residues]], axis=1)
        concepts = _study.concepts_of(datum)[site.tokens]
        if reference is None:
            reference, rotation, shift, matched = (
                (points, concepts),
                np.eye(3),
                -points[:, 1].mean(0),
                [(i, i) for i in range(len(residues))],
            )
            reference = (points + shift, concepts)
            columns = [{} for _ in residues]
        else:
            rotation, shift, matched, rmsd = superpose(reference[0], points, reference[1], concepts)
            rmsds.append(rmsd)
        for place, residue in matched:
            letter = chain.letters[residues[residue]]
            columns[place][letter] = columns[place].get(letter, 0) + 1
        kinds[str(at)] = concepts.tolist()
        for number_, residue in enumerate(residues, start=1):
            for name, element, place in chain.atoms[residue]:
                if name not in ("O", "OXT", "N", "C"):
                    lines.append(
                        _atom(
                            "ATOM",
                            len(lines),
                            element,
                            name,
                            chain.residues[residue],
                            str(at),
                            number_,
                            np.array(place) @ rotation + shift,
                        )
                    )
        for ligand in opened.ligands(contact_points(chain, "side")[residues], 4.5):
            if len(ligand.element) == 2 or ligand.element in (
                "K",
                "W",
                "V",
            ):  # metals: what else binds hides the site
                lines.append(
                    _atom(
                        "HETATM",
                        len(lines),
                        ligand.element,
                        ligand.name,
                        ligand.residue,
                        f"L{at}",
                        1,
                        np.array(ligand.xyz) @ rotation + shift,
                    )
                )
    return "\n".join([*lines, "#", ""]).encode(), kinds, columns, rmsds


def _header():
    names = (
        "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_entity_id"
        " label_seq_id pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy B_iso_or_equiv auth_seq_id"
        " auth_asym_id pdbx_PDB_model_num"
    )
    return ["data_sites", "loop_", *(f"_atom_site.{name}" for name in names.split())]


def _atom(group, serial, element, name, residue, chain, number, place):
    x, y, z = place
    return (
        f"{group} {serial} {element} {name} . {residue} {chain} 1 {number} ? {x:.3f} {y:.3f} {z:.3f} 1.00"
        f" 0.00 {number} {chain} 1"
    )


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
    top = [
        int(k) for k in np.argsort(-family.composition, kind="stable")[:3] if family.composition[k] >= 0.03
    ]
    return ", ".join(f"{plain(study.concept_name(k))} {share_text(family.composition[k])}" for k in top)


def typical(family):
    """Pictures of the typical sites; a click goes to one."""
    sites = family.sites[:SHOWN]
    across = max(2, min(4, len(sites)))
    key = f"family_{fit.id}_{family.number}"
    pictures = [
        chains.picture_of_residue(study, study.datum(site.datum), int(site.tokens[0]), 120) for site in sites
    ]
    url = tile_server.register_image(
        (shared.study_key(study), key, "sites"), png(mosaic(pictures, across, gap=0))
    )
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
            text, kinds, columns, rmsds = laid_over(
                shared.study_key(study), fit.id, fit.target, family.number, study, family
            )
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
                atoms = tile_server.register_image(
                    (shared.study_key(study), "family", fit.id, fit.target, family.number), text, kind="atoms"
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
                how = f" superposed, mean RMSD {np.mean(rmsds):.1f} Å to the most typical" if rmsds else ""
                many = f"The {len(shown)} most typical sites" if len(shown) > 1 else "The only site"
                st.caption(f"{many}{how}. Metal ions are drawn where they lie; nothing was fitted to them.")
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
labels = tuple(datum.label for datum in study.data)
with st.spinner("Grouping sites…"):
    families = found(shared.study_key(study), fit.id, fit.target, labels, study)
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
