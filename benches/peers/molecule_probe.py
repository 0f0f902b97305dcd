"""What the molecule encoder of an ablation's models has learnt: do structures and videos of unseen drugs find each other?

    molecule_probe.py PROGRAM FOLDER

PROGRAM is molclip, FOLDER the output of `molclip ablate`. For each model that was trained with structures (its own or permuted
ones), separately for the drugs of training and for those of query and gallery:

- mAP of mechanisms among drugs, by cosine of the learnt structure embedding m_j, beside Tanimoto and random rankings;
- how often the structure nearest to a video (cosine of v_i and m_j) is that of its drug, or of a drug of its mechanism, beside
  what a random structure would reach.

The network is computed here with numpy from `model.safetensors`; fingerprints are RDKit's. Needs numpy, rdkit, safetensors.
"""

import csv
import json
import subprocess
import sys
import tempfile
from math import erf
from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from safetensors.numpy import load_file

MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
LAYERS = 4


def fingerprint(smiles):
    parts = Chem.GetMolFrags(Chem.MolFromSmiles(smiles), asMols=True)
    return np.array(MORGAN.GetFingerprint(max(parts, key=lambda part: part.GetNumHeavyAtoms())), np.float32)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def linear(weights, name, x):
    weight = weights[f"{name}.weight"]
    y = x @ (weight if weight.shape[0] == x.shape[1] else weight.T)
    return y + weights.get(f"{name}.bias", 0)


def structure_embeddings(weights, x):
    names = {key.rsplit(".", 1)[0] for key in weights if key.startswith("molecule.")}
    part = lambda kind, layer: next(name for name in names if name.endswith(f"{kind}.{layer}"))
    for layer in range(LAYERS):
        x = linear(weights, part("linear", layer), x)
        if layer + 1 < LAYERS:
            norm = part("norm", layer)
            x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
            gamma, beta = ("gamma", "beta") if f"{norm}.gamma" in weights else ("weight", "bias")
            x = x * weights[f"{norm}.{gamma}"] + weights[f"{norm}.{beta}"]
            x = 0.5 * x * (1 + np.vectorize(erf)(x / np.sqrt(2)))
    return unit(linear(weights, "molecule_projection", x))


def mean_average_precision(similarity, labels):
    values = []
    for query, label in enumerate(labels):
        others = np.arange(len(labels)) != query
        right = (labels[others] == label)[np.argsort(-similarity[query][others], kind="stable")]
        if right.any():
            values.append((np.cumsum(right) / np.arange(1, len(right) + 1))[right].mean())
    return np.mean(values)


def probe(program, folder, manifest, rows):
    weights = load_file(folder / "model.safetensors")
    with tempfile.TemporaryDirectory() as work:
        out = Path(work) / "embeddings.npy"
        command = [program, "embed", manifest, "--model", folder, "--out", out, "--compute", "cpu"]
        subprocess.run(command, check=True, capture_output=True)
        embeddings = np.load(out)
    assert len(embeddings) == len(rows), "videos that cannot be read"
    videos = unit(linear(weights, "video_projection", embeddings))
    for title, parts in [("trained", ["train"]), ("unseen", ["query", "gallery"])]:
        own = [i for i, row in enumerate(rows) if row["split"] in parts and row["smiles"] and not row["control"]]
        drugs = {rows[i]["compound"]: rows[i] for i in own}
        names = sorted(drugs)
        moas = np.array([drugs[name]["moa"] for name in names])
        bits = np.stack([fingerprint(drugs[name]["smiles"]) for name in names])
        molecules = structure_embeddings(weights, bits)
        shared = bits @ bits.T
        tanimoto = shared / (bits.sum(1)[:, None] + bits.sum(1)[None] - shared)
        random = np.random.default_rng(0).random((50, len(names), len(names)))
        nearest = np.argmax(videos[own] @ molecules.T, 1)
        truth = np.array([names.index(rows[i]["compound"]) for i in own])
        by_chance = np.mean(moas[:, None] == moas[None])
        print(
            f"  {len(names)} {title} drugs: mAP of mechanisms by structure embedding "
            f"{mean_average_precision(molecules @ molecules.T, moas):.3f}, by Tanimoto "
            f"{mean_average_precision(tanimoto, moas):.3f}, at random "
            f"{np.mean([mean_average_precision(one, moas) for one in random]):.3f}; structure nearest to a video is its own "
            f"{np.mean(nearest == truth):.3f} (random {1 / len(names):.3f}), of its mechanism "
            f"{np.mean(moas[nearest] == moas[truth]):.3f} (random {by_chance:.3f})"
        )


def main():
    program, folder = sys.argv[1], Path(sys.argv[2])
    screens = {}
    for manifest in folder.glob("screens/*/manifest.csv"):
        with manifest.open() as file:
            rows = list(csv.DictReader(file))
        screens[int(rows[0]["simulation"].split("seed ")[1].split(";")[0])] = (manifest, rows)
    for card_file in sorted(folder.glob("runs/*/model.json")):
        card = json.loads(card_file.read_text())
        training, seed = card["training"], card["trained_on"]["seed"]
        if training["molecules"] == "none" or card["molecule_encoder"] != "ecfp-mlp":
            continue
        print(f"{card['name']}, λ {training['losses']['molecule']:g}, epochs {training['drug_epochs']} + "
              f"{training['moa_epochs']}, seed {seed}", flush=True)
        probe(program, card_file.parent, *screens[seed])


if __name__ == "__main__":
    main()
