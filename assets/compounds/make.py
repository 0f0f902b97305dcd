"""Makes library.csv: for each drug of names.csv, the structure on which independent sources agree.

    python make.py --reference drugs_smiles_moa.csv --chembl chembl_approved_drugs.parquet \
        --chembl-keys chembl_annotation_filtered.csv.gz --chebi c3p/programs --drugbank drugbank_approved.csv \
        --hmdb HMDB2StructMapping.tsv --pubchem chemicals/Identifiers --pubchem-names drug_ner_dictionary.pkl.bz2 \
        --lincs lincs_small_molecules.json --wikidata ligand_list.json --ccd components.bcif \
        --opsin opsin-cli-2.9.0-jar-with-dependencies.jar --hub repurposing_info.tsv

README.md says where each file comes from. A source is asked by name; its structure is stripped of
counter-ions, neutralised and compared by the InChIKey that RDKit computes. Sources of one house
count once. The SMILES written is RDKit's own. Needs rdkit, pandas, pyarrow, biotite and Java (for OPSIN).
"""

import argparse
import ast
import bz2
import collections
import csv
import json
import pathlib
import pickle
import re
import subprocess

import pandas
from biotite.structure.io import pdbx
from rdkit import Chem, RDLogger
from rdkit.Chem.MolStandardize import rdMolStandardize

HERE = pathlib.Path(__file__).parent
# The house behind a source: sources of one house (DrugBank and HMDB) cannot confirm each other.
HOUSE = {
    "ChEMBL": "EBI",
    "PubChem": "NCBI",
    "ChEBI": "EBI",
    "wwPDB CCD": "wwPDB",
    "HMS LINCS": "HMS",
    "MIBiG": "MIBiG",
    "Wikidata": "Wikidata",
    "OPSIN": "OPSIN",
    "DrugBank": "Wishart",
    "HMDB": "Wishart",
    "Repurposing Hub": "Broad",
}
REFERENCE = "reference table"  # made from the Hub, ChEMBL and by hand: never counts as a second source
# Whose stereochemistry to take where nothing else decides: crystal structures and curated records first.
TIE = ["wwPDB CCD", "ChEBI", "ChEMBL", REFERENCE, *(s for s in HOUSE if s not in ("wwPDB CCD", "ChEBI", "ChEMBL"))]
UNCHARGER = rdMolStandardize.Uncharger()


def key_of_name(name):
    """Spelling that ignores case, hyphens, spaces, brackets and commas."""
    return re.sub(r"[^a-z0-9+]", "", name.lower())


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


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
                    key = mol and Chem.MolToInchiKey(mol)
                    if key:
                        keys[key] = Chem.MolToSmiles(mol)
            if keys:
                found[source] = keys
        return found


def pubchem(structures, tables, names):
    for path in sorted(pathlib.Path(tables).glob("chemical identifiers*.tsv")):
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            fields = line.split("\t")
            flat = fields[6].endswith("-UHFFFAOYSA-N")  # its SMILES leave the stereochemistry out, its keys do not
            for name in fields[7:]:
                structures.add("PubChem", name, fields[4] if flat else None, fields[6])
    with bz2.open(names) as file:
        dictionary = pickle.load(file)
    data = dictionary["drug_canonical_to_data"]
    for variant, canonical in dictionary["drug_variant_to_canonical"].items():
        for name in canonical:
            structures.add("PubChem", variant, data.get(name, {}).get("smiles"))


def chebi(structures, programs):
    """ChEBI entries that the programs quote as their examples."""

    def walk(value):
        if isinstance(value, dict):
            if isinstance(value.get("smiles"), str):
                structures.add("ChEBI", value.get("name"), value["smiles"])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
        elif isinstance(value, str):
            for smiles, name in re.findall(r"SMILES: (\S+) NAME: (.+?) REASON:", value):
                structures.add("ChEBI", name, smiles)

    for path in sorted(pathlib.Path(programs).glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__metadata__":
                walk(ast.literal_eval(node.value))


def ccd(structures, path, wanted):
    """Ligands of the Protein Data Bank: atoms, bonds and the stereochemistry of their coordinates."""
    block = next(iter(pdbx.BinaryCIFFile.read(path).values()))
    about = {k: block["chem_comp"][k].as_array() for k in ["id", "name", "pdbx_synonyms"]}
    names = collections.defaultdict(list)
    for component, name, synonyms in zip(about["id"], about["name"], about["pdbx_synonyms"]):
        for spelling in [*name.split(", "), *re.split(r"[;\n]|, ", synonyms)]:
            if key_of_name(spelling) in wanted:
                names[component].append(spelling)
    axes = ["pdbx_model_Cartn_x_ideal", "pdbx_model_Cartn_y_ideal", "pdbx_model_Cartn_z_ideal"]
    fields = ["comp_id", "atom_id", "type_symbol", "charge", *axes]
    atoms = pandas.DataFrame({k: block["chem_comp_atom"][k].as_array(str) for k in fields})
    atoms = atoms[atoms.comp_id.isin(names)].groupby("comp_id", sort=False)
    fields = ["comp_id", "atom_id_1", "atom_id_2", "value_order"]
    bonds = pandas.DataFrame({k: block["chem_comp_bond"][k].as_array(str) for k in fields})
    bonds = dict(list(bonds[bonds.comp_id.isin(names)].groupby("comp_id", sort=False)))
    orders = {"SING": Chem.BondType.SINGLE, "DOUB": Chem.BondType.DOUBLE, "TRIP": Chem.BondType.TRIPLE}
    for component, table in atoms:
        if component not in bonds or (table[axes] == "?").any(axis=None):
            continue
        mol, index = Chem.RWMol(), {}
        conformer = Chem.Conformer(len(table))
        for row in table.itertuples():
            atom = Chem.Atom(row.type_symbol.capitalize())
            atom.SetFormalCharge(int(row.charge) if row.charge not in "?." else 0)
            atom.SetNoImplicit(True)
            index[row.atom_id] = mol.AddAtom(atom)
            conformer.SetAtomPosition(index[row.atom_id], [float(v) for v in row[-3:]])
        for row in bonds[component].itertuples():
            mol.AddBond(index[row.atom_id_1], index[row.atom_id_2], orders[row.value_order])
        mol.AddConformer(conformer)
        try:
            Chem.SanitizeMol(mol)
        except Chem.MolSanitizeException:
            continue
        Chem.AssignStereochemistryFrom3D(mol)
        smiles = Chem.MolToSmiles(Chem.RemoveHs(mol))
        for name in names[component]:
            structures.add("wwPDB CCD", name, smiles)


def opsin(structures, jar, names):
    """Structures spelled out by systematic names; a name that OPSIN does not understand gives an empty line."""
    run = subprocess.run(
        ["java", "-jar", jar, "-osmi"], input="\n".join(names) + "\n", capture_output=True, text=True, check=True
    )
    for name, smiles in zip(names, run.stdout.split("\n")):
        structures.add("OPSIN", name, smiles)


def read_sources(args, names):
    structures = Structures()
    for row in read_csv(args.reference):
        structures.add(REFERENCE, row["name"], row["smiles"])
    for row in read_csv(HERE / "lookups.csv"):
        structures.add(row["source"], row["name"], row["smiles"] or None, row["inchikey"])
    pubchem(structures, args.pubchem, args.pubchem_names)
    chebi(structures, args.chebi)
    ccd(structures, args.ccd, {key_of_name(name) for name in names})
    opsin(structures, args.opsin, names)
    for name, smiles in json.loads(pathlib.Path(args.wikidata).read_text(encoding="utf-8")).items():
        structures.add("Wikidata", name, smiles)
    for entry in json.loads(pathlib.Path(args.lincs).read_text(encoding="utf-8")).values():
        for name in [entry["Name"], *entry["Alternative Names"].split(";")]:
            structures.add("HMS LINCS", name, entry["SMILES"])
    for row in pandas.read_parquet(args.chembl).itertuples():
        structures.add("ChEMBL", row.pref_name, row.smiles)
    keys = pandas.read_csv(args.chembl_keys, usecols=["pref_name", "standard_inchi_key"])
    for row in keys.dropna().drop_duplicates().itertuples():
        structures.add("ChEMBL", row.pref_name, inchikey=row.standard_inchi_key)
    for row in read_csv(args.drugbank):
        structures.add("DrugBank", row["name"], row["smiles"])
    for line in pathlib.Path(args.hmdb).read_text(encoding="utf-8").split("\n"):
        fields = line.split("\t")
        if len(fields) > 2:
            structures.add("HMDB", fields[1], fields[2])
    hub = pandas.read_csv(args.hub, sep="\t", usecols=["pert_iname", "smiles"])
    for row in hub.dropna().drop_duplicates().itertuples():
        for smiles in row.smiles.split(", "):
            structures.add("Repurposing Hub", row.pert_iname, smiles)
    return structures


def houses(sources):
    return {HOUSE[s] for s in sources if s in HOUSE}


def stereo(smiles):
    """(specified, possible) stereo centres and double bonds."""
    found = list(Chem.FindPotentialStereo(Chem.MolFromSmiles(smiles)))
    return sum(e.specified == Chem.StereoSpecified.Specified for e in found), len(found)


def choose(found):
    """(SMILES, InChIKey, agreeing sources, check) or None."""
    by_key, by_skeleton, smiles_of = collections.defaultdict(set), collections.defaultdict(set), {}
    order = [REFERENCE, *HOUSE]
    for source in order:  # the first to give a structure also gives its tautomer's drawing
        for key, smiles in found.get(source, {}).items():
            by_key[key].add(source)
            by_skeleton[key[:14]].add(source)
            if smiles is not None:
                smiles_of.setdefault(key, smiles)
    if not smiles_of:
        return None

    def rank(key):
        """Agreement first; but sources that left a compound's stereochemistry out do not outvote one that knows it."""
        specified, possible = stereo(smiles_of[key])
        votes = len(houses(by_key[key]))
        flat = specified == 0 and possible > 2 and votes < 3
        family = [k for k in smiles_of if k[:14] == key[:14]]
        mol = Chem.MolFromSmiles(smiles_of[key])
        consistent = set()  # the houses whose structure says nothing else, even if it says less
        for other in family:
            if mol.HasSubstructMatch(Chem.MolFromSmiles(smiles_of[other]), useChirality=True):
                consistent |= houses(by_key[other])
        skeleton = len(houses(by_skeleton[key[:14]]))
        tie = min(TIE.index(s) for s in by_key[key])
        return (-skeleton, 0 if flat or votes < 2 else -votes, -len(consistent), -specified, tie, key)

    key = min(smiles_of, key=rank)
    exact, same_skeleton = by_key[key], by_skeleton[key[:14]]
    if len(houses(exact)) > 1:
        agreeing, check = exact - {REFERENCE}, "two_sources"
    elif len(houses(same_skeleton)) > 1:
        agreeing, check = same_skeleton, "two_sources_skeleton"
    else:
        agreeing, check = exact - {REFERENCE} or exact, "single_source"
    # Those that give the very structure come before those that give its skeleton alone.
    return smiles_of[key], key, sorted(agreeing, key=lambda s: (s not in exact, order.index(s))), check


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in [
        *["reference", "chembl", "chembl-keys", "chebi", "drugbank", "hmdb", "pubchem", "pubchem-names"],
        *["lincs", "wikidata", "ccd", "opsin", "hub"],
    ]:
        parser.add_argument("--" + option, required=True)
    parser.add_argument("--explain", help="also write what each source says to this file")
    args = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    names = read_csv(HERE / "names.csv")
    spellings = [s for e in names for s in [e["name"], *e["synonyms"].split(";")] if s]
    structures = read_sources(args, spellings)

    rows, left_out, seen, explain = [], [], {}, []
    for entry in names:
        spellings = [entry["name"], *filter(None, entry["synonyms"].split(";"))]
        found = structures.find(spellings)
        explain.append({"name": entry["name"], "found": found})
        chosen = choose(found)
        if chosen is None or (chosen[3] == "single_source" and REFERENCE not in found):
            left_out.append(f"{entry['name']} ({'no source' if chosen is None else chosen[2][0] + ' alone'})")
            continue
        smiles, key, sources, check = chosen
        for spelling in {key_of_name(s) for s in spellings} | {key}:
            if spelling in seen:
                raise SystemExit(f"{entry['name']}: {spelling} is also {seen[spelling]}'s")
            seen[spelling] = entry["name"]
        # Some sources write a sulfoxide with charges. The solvent is written as everybody draws it; its key is the same.
        if key == "IAZDPXIOMUYVGZ-UHFFFAOYSA-N":
            smiles = "CS(C)=O"
        rows.append([entry["name"], entry["synonyms"], entry["moa"], smiles, key, ";".join(sources), check])
    with open(HERE / "library.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "synonyms", "moa", "smiles", "inchikey", "sources", "check"])
        writer.writerows(rows)
    if args.explain:
        pathlib.Path(args.explain).write_text(json.dumps(explain, indent=1), encoding="utf-8")
    print(dict(collections.Counter(r[6] for r in rows)))
    print("left out:", ", ".join(left_out))
    counts = collections.defaultdict(collections.Counter)
    for row in rows:
        counts[row[2].split(";")[0]][row[6]] += 1
    for moa, checks in counts.items():
        print(f"{moa}: {dict(checks)}")


if __name__ == "__main__":
    main()
