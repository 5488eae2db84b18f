"""States of PocketNet, a network that was trained to find ligand-binding pockets: 128 numbers per residue."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from ....encoders.base import library_versions
from ....errors import EmbeddingError, MissingExtraError

if TYPE_CHECKING:
    from torch import Tensor

    from ..chains import Chain

__all__ = ["ResiduePocketnet"]

_HEAVY = 60_000  # atoms: more would need too much memory at once


class ResiduePocketnet:
    """Mean over a residue's atoms of the network's last layer. It sees protein atoms only.

    The network was trained with supervision on pockets: its states know about binding before any label of the
    study is looked at.

    Raises
    ------
    MissingExtraError
        pocketnet is not installed.
    """

    name = "pocketnet"
    dim = 128

    def __init__(self, threads: int | None = None) -> None:
        try:
            import torch
            from pocketnet import feat
            from pocketnet.api import WEIGHTS
            from pocketnet.model import PocketNet
        except ImportError as error:
            raise MissingExtraError(
                "the encoder pocketnet needs pocketnet, which is not installed: pip install"
                ' "prospector-heads[proteins]"'
            ) from error
        self._torch, self._feat, self._threads = torch, feat, threads or 1
        path = WEIGHTS[0]  # the first network of its ensemble
        state = torch.load(path, map_location="cpu", weights_only=True)
        layers = sum(key.startswith("layers.") and key.endswith("msg.0.weight") for key in state)
        self._net = PocketNet(state["emb.weight"].shape[1], layers).eval()
        self._net.load_state_dict(state)
        self._digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def encode(self, chain: Chain) -> np.ndarray:
        """Return (n, 128) float32."""
        torch = self._torch
        owner = np.repeat(np.arange(len(chain)), [len(atoms) for atoms in chain.atoms])
        if len(owner) > _HEAVY:
            raise EmbeddingError(
                f"chain {chain.name} has {len(owner):,} atoms, more than the {_HEAVY:,} that pocketnet can"
                " take: choose fewer chains, or another encoder"
            )
        names = [name for atoms in chain.atoms for name, _, _ in atoms]
        residues = [
            residue for residue, atoms in zip(chain.residues, chain.atoms, strict=True) for _ in atoms
        ]
        xyz = np.array([place for atoms in chain.atoms for _, _, place in atoms], np.float32)
        if len(owner) < 30:
            raise EmbeddingError(f"chain {chain.name} has {len(owner)} atoms: too few for pocketnet")
        kinds, _ = self._feat.atom_types(residues, names)
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            with torch.inference_mode():
                states = self._states(torch.from_numpy(kinds), torch.from_numpy(xyz)).numpy()
        finally:
            torch.set_num_threads(before)
        out = np.zeros((len(chain), states.shape[1]))
        np.add.at(out, owner, states)
        return (out / np.bincount(owner, minlength=len(chain))[:, None]).astype(np.float32)

    def _states(self, kinds: Tensor, xyz: Tensor) -> Tensor:
        """The network up to its last message-passing layer: (atoms, 128).

        Points on the surface are not needed for it.
        """
        torch, net = self._torch, self._net
        distance, index = self._feat.knn(xyz, xyz, min(net.k_atom + 1, len(xyz)))
        distance, index = distance[:, 1:], index[:, 1:]
        near = distance < net.r_atom
        source = torch.arange(len(xyz))[:, None].expand_as(index)
        crowd = torch.stack([(distance < far).sum(1) for far in (4, 6, 3, 5)], 1).float() / 24.0
        state = net.emb(kinds) + net.bur(crowd)
        edges = net.rbf(distance[near])
        for layer in net.layers:
            state = layer(state, torch.stack([source[near], index[near]]), edges)
        return state

    def record(self) -> dict[str, dict[str, str] | int | str]:
        """Return name, version and the digest of the weights."""
        return {
            "name": self.name,
            "version": 1,
            "dim": self.dim,
            "weights_sha256": self._digest,
            "supervised_on": "ligand-binding pockets",
            "preprocessing": {
                "atoms": "heavy atoms of the chain",
                "pooling": "mean of a residue's atoms",
                "network": "v3_fold0",
            },
            "libraries": library_versions("pocketnet", "torch", "numpy"),
        }
