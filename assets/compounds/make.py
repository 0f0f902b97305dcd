"""Makes library.csv: for each drug of names.csv, the structure on which independent sources agree.

    python make.py --reference drugs_smiles_moa.csv --chembl chembl_approved_drugs.parquet \
        --chembl-keys chembl_annotation_filtered.csv.gz --drugbank drugbank_approved.csv \
        --hmdb HMDB2StructMapping.tsv --pubchem IDENTIFIERS_DIR --lincs lincs_small_molecules.json \
        --wikidata ligand_list.json --hub repurposing_info.tsv

README.md says where each file comes from. A source is asked by name; its structure is stripped of
counter-ions, neutralised and compared by the InChIKey that RDKit computes. Sources of one house
count once. The SMILES written is RDKit's own. Needs rdkit, pandas and pyarrow.
"""

import argparse
import collections
import csv
import json
import pathlib
import re

import pandas
from rdkit import Chem, RDLogger
from rdkit.Chem.MolStandardize import rdMolStandardize

HERE = pathlib.Path(__file__).parent
# The house behind a source: DrugBank and HMDB are made by one group, so they cannot confirm each other.
HOUSE = {
    "PubChem": "NCBI",
    "Wikidata": "Wikidata",
    "HMS LINCS": "HMS",
    "ChEMBL": "EBI",
    "DrugBank": "Wishart",
    "HMDB": "Wishart",
    "Repurposing Hub": "Broad",
}
REFERENCE = "reference table"  # made from the Hub, ChEMBL and by hand: never counts as a second source
UNCHARGER = rdMolStandardize.Uncharger()


def key_of_name(name):
    """Spelling that ignores case, hyphens, spaces, brackets and commas."""
    return re.sub(r"[^a-z0-9+]", "", name.lower())


def parent(smiles):
    """The drug without counter-ions, neutral where protons allow; compounds without carbon stay whole."""
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        return None
    fragments = Chem.GetMolFrags(mol, asMols=True)
    if len(fragments) > 1:
        organic = [f for f in fragments if any(a.GetAtomicNum() == 6 for a in f.GetAtoms())]
        if not organic:
            return mol
        mol = max(organic, key=lambda f: (f.GetNumHeavyAtoms(), Chem.MolToSmiles(f)))
    return Chem.MolFromSmiles(Chem.MolToSmiles(UNCHARGER.uncharge(mol)))


class Structures:
    """Per source: spelling of a name -> {InChIKey: SMILES}; the SMILES is None where a source gives only the key."""

    def __init__(self):
        self.tables = collections.defaultdict(lambda: collections.defaultdict(list))

    def add(self, source, name, smiles=None, inchikey=None):
        if name and (smiles or inchikey):
            self.tables[source][key_of_name(name)].append((smiles, inchikey))

    def find(self, names):
        """{source: {InChIKey: SMILES or None}} of all the names' entries."""
        found = {}
        for source, table in self.tables.items():
            keys = {}
            for name in names:
                for smiles, inchikey in table.get(key_of_name(name), ()):
                    if smiles is None:
                        keys.setdefault(inchikey, None)
                        continue
                    mol = parent(smiles)
                    if mol is not None:
                        keys[Chem.MolToInchiKey(mol)] = Chem.MolToSmiles(mol)
            if keys:
                found[source] = keys
        return found


def read_sources(args):
    structures = Structures()
    for row in csv.DictReader(open(args.reference, encoding="utf-8")):
        structures.add(REFERENCE, row["name"], row["smiles"])
    for path in sorted(pathlib.Path(args.pubchem).glob("chemical identifiers*.tsv")):
        for line in open(path, encoding="utf-8"):
            fields = line.rstrip("\n").split("\t")
            mol_smiles = fields[4] if fields[6].endswith("-UHFFFAOYSA-N") else None
            if mol_smiles is None:  # its SMILES have no stereo, its InChI has
                mol = Chem.MolFromInchi("InChI=1S/" + fields[5])
                mol_smiles = Chem.MolToSmiles(mol) if mol else None
            for name in fields[7:]:
                structures.add("PubChem", name, mol_smiles)
    for name, smiles in json.load(open(args.wikidata, encoding="utf-8")).items():
        structures.add("Wikidata", name, smiles)
    for entry in json.load(open(args.lincs, encoding="utf-8")).values():
        for name in [entry["Name"], *entry["Alternative Names"].split(";")]:
            structures.add("HMS LINCS", name, entry["SMILES"])
    for row in pandas.read_parquet(args.chembl).itertuples():
        structures.add("ChEMBL", row.pref_name, row.smiles)
    keys = pandas.read_csv(args.chembl_keys, usecols=["pref_name", "standard_inchi_key"])
    for row in keys.dropna().drop_duplicates().itertuples():
        structures.add("ChEMBL", row.pref_name, inchikey=row.standard_inchi_key)
    for row in csv.DictReader(open(args.drugbank, encoding="utf-8")):
        structures.add("DrugBank", row["name"], row["smiles"])
    for line in open(args.hmdb, encoding="utf-8"):
        fields = line.rstrip("\n").split("\t")
        if len(fields) > 2:
            structures.add("HMDB", fields[1], fields[2])
    hub = pandas.read_csv(args.hub, sep="\t", usecols=["pert_iname", "smiles"])
    for row in hub.dropna().drop_duplicates().itertuples():
        for smiles in row.smiles.split(","):
            structures.add("Repurposing Hub", row.pert_iname, smiles.strip())
    return structures


def houses(sources):
    return {HOUSE[s] for s in sources if s in HOUSE}


def stereo_count(smiles):
    """Assigned stereo centres and double bonds."""
    mol = Chem.MolFromSmiles(smiles)
    return sum(e.specified == Chem.StereoSpecified.Specified for e in Chem.FindPotentialStereo(mol))


def choose(found):
    """(SMILES, InChIKey, agreeing sources, check) or None."""
    by_key, by_skeleton, smiles_of = collections.defaultdict(set), collections.defaultdict(set), {}
    for source in [REFERENCE, *HOUSE]:  # the first to give a structure also gives its tautomer's drawing
        for key, smiles in found.get(source, {}).items():
            by_key[key].add(source)
            by_skeleton[key[:14]].add(source)
            if smiles is not None:
                smiles_of.setdefault(key, smiles)
    ranked = sorted(
        smiles_of,
        key=lambda k: (
            -len(houses(by_skeleton[k[:14]])),
            -len(houses(by_key[k])),
            REFERENCE not in by_key[k],
            -stereo_count(smiles_of[k]),
            k,
        ),
    )
    if not ranked:
        return None
    key = ranked[0]
    order = [REFERENCE, *HOUSE]
    if len(houses(by_key[key])) > 1:
        agreeing, check = by_key[key] - {REFERENCE}, "two_sources"
    elif len(houses(by_skeleton[key[:14]])) > 1:
        agreeing, check = by_skeleton[key[:14]] - {REFERENCE}, "two_sources_skeleton"
    else:
        agreeing, check = by_key[key], "single_source"
        agreeing = (agreeing - {REFERENCE}) or agreeing
    return smiles_of[key], key, sorted(agreeing, key=order.index), check


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ["reference", "chembl", "chembl-keys", "drugbank", "hmdb", "pubchem", "lincs", "wikidata", "hub"]:
        parser.add_argument("--" + option, required=True)
    parser.add_argument("--explain", help="also write what each source says to this file")
    args = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    structures = read_sources(args)
    names = list(csv.DictReader(open(HERE / "names.csv", encoding="utf-8")))

    rows, missing, seen, explain = [], [], {}, []
    for entry in names:
        spellings = [entry["name"], *filter(None, entry["synonyms"].split(";"))]
        found = structures.find(spellings)
        explain.append({"name": entry["name"], "found": found})
        chosen = choose(found)
        if chosen is None:
            missing.append(entry["name"])
            continue
        smiles, key, sources, check = chosen
        for spelling in {s.lower() for s in spellings} | {key}:
            if spelling in seen:
                raise SystemExit(f"{entry['name']}: {spelling} is also {seen[spelling]}'s")
            seen[spelling] = entry["name"]
        rows.append([entry["name"], entry["synonyms"], entry["moa"], smiles, key, ";".join(sources), check])
    with open(HERE / "library.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "synonyms", "moa", "smiles", "inchikey", "sources", "check"])
        writer.writerows(rows)
    if args.explain:
        pathlib.Path(args.explain).write_text(json.dumps(explain, indent=1), encoding="utf-8")
    print(collections.Counter(r[6] for r in rows))
    print("no source:", ", ".join(missing))
    table = collections.defaultdict(collections.Counter)
    for row in rows:
        table[row[2].split(";")[0]][row[6]] += 1
    for moa, checks in table.items():
        print(f"{moa}: {dict(checks)}")


if __name__ == "__main__":
    main()
