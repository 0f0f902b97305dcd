//! Chemistry against RDKit: structures, fingerprints, descriptors and files; and what it makes of broken input.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use molclip::chem::{ChemError, CompoundFile, Format, Molecule, Pattern, Record};
use rand::{RngExt as _, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chem").join(name)
}

/// The reference table; its columns are read by name.
struct Reference(CompoundFile);

impl Reference {
    fn load() -> Self {
        let file = CompoundFile::read(&fixture("reference.csv")).unwrap();
        assert_eq!(file.smiles_column.as_deref(), Some("canonical_smiles"));
        assert_eq!(file.records.len(), 209);
        Self(file)
    }

    fn get<'a>(&self, record: &'a Record, column: &str) -> &'a str {
        let place = self.0.columns.iter().position(|c| c == column).unwrap_or_else(|| panic!("no {column}"));
        &record.properties[place]
    }

    fn number(&self, record: &Record, column: &str) -> f64 {
        self.get(record, column).parse().unwrap()
    }

    /// Each compound as RDKit wrote it canonically, at random, and with Kekulé bonds.
    fn written<'a>(&self, record: &'a Record) -> [&'a str; 3] {
        [
            record.smiles.as_deref().unwrap(),
            self.get(record, "random_smiles"),
            self.get(record, "kekule_smiles"),
        ]
    }
}

fn numbers(bits: &[usize]) -> String {
    bits.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn structures_equal_rdkit() {
    let reference = Reference::load();
    let mut keys = 0;
    for record in &reference.0.records {
        let canonical = record.smiles.as_deref().unwrap();
        for written in reference.written(record) {
            let molecule = Molecule::from_smiles(written).unwrap_or_else(|e| panic!("{}: {e}", record.name));
            assert_eq!(molecule.canonical_smiles(), canonical, "{written}");
            assert_eq!(molecule.formula(), reference.get(record, "formula"), "{written}");
            let key = reference.get(record, "inchikey");
            if !key.is_empty() {
                assert_eq!(molecule.inchi_key().as_deref(), Ok(key), "{}", record.name);
                assert_eq!(molecule.skeleton_key().unwrap(), key[..14]);
                keys += 1;
            }
        }
    }
    println!(
        "{} structures written in 3 ways: canonical SMILES and formula equal; {keys} InChIKeys equal",
        209
    );
}

#[test]
fn descriptors_equal_rdkit() {
    let reference = Reference::load();
    for record in &reference.0.records {
        for written in reference.written(record) {
            let found = Molecule::from_smiles(written).unwrap().descriptors().unwrap();
            // The reference is rounded: half a unit of its last digit.
            let near = |column: &str, value: f64, tolerance: f64| {
                let expected = reference.number(record, column);
                assert!((value - expected).abs() <= tolerance, "{written}: {column} {value}, not {expected}");
            };
            near("mw", found.mw, 0.000_51);
            near("exact_mass", found.exact_mass, 0.000_005_1);
            near("clogp", found.clogp, 0.000_051);
            near("tpsa", found.tpsa, 0.005_1);
            near("fraction_csp3", found.fraction_csp3, 0.000_051);
            for (column, count) in [
                ("hbd", found.hbd),
                ("hba", found.hba),
                ("rotatable_bonds", found.rotatable_bonds),
                ("rings", found.rings),
                ("aromatic_rings", found.aromatic_rings),
                ("heavy_atoms", found.heavy_atoms),
                ("stereo_centres", found.stereo_centres),
            ] {
                near(column, count as f64, 0.0);
            }
            near("formal_charge", found.formal_charge.into(), 0.0);
        }
    }
}

#[test]
fn fingerprints_and_similarities_equal_rdkit() {
    let reference = Reference::load();
    let mut fingerprints = std::collections::BTreeMap::new();
    for record in &reference.0.records {
        for written in reference.written(record) {
            let molecule = Molecule::from_smiles(written).unwrap();
            let (ecfp4, maccs) = (molecule.ecfp4().unwrap(), molecule.maccs().unwrap());
            assert_eq!(numbers(&ecfp4.on_bits()), reference.get(record, "ecfp4_on_bits"), "{written}");
            assert_eq!(numbers(&maccs.on_bits()), reference.get(record, "maccs_on_bits"), "{written}");
            fingerprints.insert(record.name.clone(), ecfp4);
        }
    }
    let pairs = std::fs::read_to_string(fixture("tanimoto.csv")).unwrap();
    let mut count = 0;
    for line in pairs.lines().skip(1) {
        // Names may be quoted and hold a comma.
        let (names, similarity) = line.rsplit_once(',').unwrap();
        let names: Vec<&String> = fingerprints.keys().filter(|name| names.contains(name.as_str())).collect();
        let [a, b] = names[..] else { continue };
        let expected: f64 = similarity.parse().unwrap();
        assert!((fingerprints[a].tanimoto(&fingerprints[b]) - expected).abs() < 1e-9, "{line}");
        count += 1;
    }
    assert!(count > 280, "{count}");
}

#[test]
fn substructures_equal_rdkit() {
    let patterns = [
        ("carboxylic_acid", "[CX3](=O)[OX2H1]"),
        ("amide", "[NX3][CX3](=[OX1])"),
        ("phenol", "[OX2H][cX3]"),
        ("aryl_halide", "c[F,Cl,Br,I]"),
        ("nitro", "[$([NX3](=O)=O),$([NX3+](=O)[O-])]"),
        ("quinone", "[#6]1(=O)[#6]=[#6][#6](=O)[#6]=[#6]1"),
        ("michael_acceptor", "[CX3]=[CX3][CX3]=[OX1]"),
        ("guanidine", "[NX3][CX3](=[NX2,NX3+])[NX3]"),
        ("macrocycle_atom", "[r{12-}]"),
        ("tertiary_amine", "[NX3;H0;!$(NC=O);!$(N-a)]([#6])([#6])[#6]"),
        ("hydrazone", "[NX3][NX2]=[CX3]"),
        ("ester", "[#6][CX3](=O)[OX2H0][#6]"),
    ];
    let reference = Reference::load();
    let mut matched = 0;
    for (name, smarts) in patterns {
        let pattern = Pattern::parse(smarts).unwrap();
        for record in &reference.0.records {
            for written in reference.written(record) {
                let molecule = Molecule::from_smiles(written).unwrap();
                let found = pattern.matches(&molecule).unwrap();
                let expected = reference.number(record, &format!("smarts_{name}"));
                assert_eq!(found.len() as f64, expected, "{name} in {written}");
                assert!(found.iter().flatten().all(|&atom| atom < molecule.atom_count()));
                matched += found.len();
            }
        }
    }
    println!("{} patterns, {matched} matches as in RDKit", patterns.len());
}

#[test]
fn a_bad_smiles_is_marked_at_its_character() {
    let file = CompoundFile::read(&fixture("bad_smiles.csv")).unwrap();
    let column = |name: &str| file.columns.iter().position(|c| c == name).unwrap();
    let (accepted, position) = (column("rdkit_accepts"), column("byte_position"));
    assert_eq!(file.records.len(), 20);
    for record in &file.records {
        let smiles = record.smiles.as_deref().unwrap();
        let expected = record.properties[position].parse::<usize>().ok();
        let found = match &record.molecule {
            Ok(molecule) => molecule.warnings().first().and_then(|warning| warning.position),
            Err(error) => error.position(),
        };
        assert_eq!(record.molecule.is_ok(), record.properties[accepted] == "True", "{smiles}");
        assert_eq!(found, expected, "{smiles}");
    }
}

#[test]
fn both_versions_of_an_sdf_give_the_same_structures() {
    let reference = Reference::load();
    let [v2000, v3000] =
        ["drugs_v2000.sdf", "drugs_v3000.sdf"].map(|n| CompoundFile::read(&fixture(n)).unwrap());
    for file in [&v2000, &v3000] {
        assert_eq!(file.format, Format::Mol);
        assert_eq!(file.records.len(), 40);
        assert_eq!(file.columns, ["number", "canonical_smiles"]);
    }
    for (a, b) in v2000.records.iter().zip(&v3000.records) {
        assert_eq!(a.name, b.name);
        assert_eq!(a.properties, b.properties);
        assert!(reference.0.records.iter().any(|r| r.name == a.name));
        for record in [a, b] {
            let molecule = record.molecule.as_ref().unwrap_or_else(|e| panic!("{}: {e}", a.name));
            assert_eq!(molecule.canonical_smiles(), record.properties[1], "{}", a.name);
        }
    }
}

#[test]
fn a_salt_is_split_for_encoding_and_kept_whole() {
    let salt = Molecule::from_smiles("[Na+].CC(=O)[O-].O.CCN(CC)CC").unwrap();
    assert_eq!(salt.parent().canonical_smiles(), "CCN(CC)CC");
    let parts: Vec<String> = salt.fragments().iter().map(|m| m.canonical_smiles().to_owned()).collect();
    assert_eq!(parts, ["CCN(CC)CC", "CC(=O)[O-]", "[Na+]", "O"]);
    assert_eq!(salt.canonical_smiles(), "CC(=O)[O-].CCN(CC)CC.O.[Na+]");
    assert_eq!(salt.written_smiles(), "[Na+].CC(=O)[O-].O.CCN(CC)CC");
    // Hydrogens written as atoms are not numbered.
    let methane = Molecule::from_smiles(" [H]C([H])([H])[2H] a name").unwrap();
    assert_eq!((methane.atom_count(), methane.written_smiles()), (2, methane.canonical_smiles()));
    // Nothing organic: the largest part.
    assert_eq!(Molecule::from_smiles("[Na+].[N-]=[N+]=[N-]").unwrap().parent().formula(), "N3-");
    let reference = Reference::load();
    for record in &reference.0.records {
        let molecule = record.molecule.as_ref().unwrap();
        let heavy = |m: &Molecule| m.descriptors().unwrap().heavy_atoms;
        assert_eq!(molecule.fragments().iter().map(heavy).sum::<usize>(), heavy(molecule), "{}", record.name);
    }
}

fn compounds(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_molclip")).arg("compounds").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_prints_the_agreed_keys_and_lists_what_fails() {
    let keys = "name input_smiles canonical_smiles formula mw inchikey ecfp4_on_bits maccs_on_bits error";
    let path = fixture("bad_smiles.csv");
    let (code, stdout, stderr) = compounds(&[path.to_str().unwrap(), "--json", "--fingerprints"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("17 of 20 structures could not be read"), "{stderr}");
    let rows: Vec<Value> = serde_json::from_str(&stdout).unwrap();
    assert_eq!(rows.len(), 20);
    for row in &rows {
        let mut found: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected: Vec<&str> = keys.split(' ').collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(row["error"].is_null(), row["canonical_smiles"].is_string());
        assert_eq!(row["error"].is_null(), row["ecfp4_on_bits"].is_array());
    }
    assert_eq!(rows[0]["input_smiles"], "C1CCCC");
    assert_eq!(rows[0]["error"], "position 6: ring bond 1 is never closed");
    assert_eq!(rows[17]["name"], "extra");
    assert_eq!(rows[17]["inchikey"], "LFQSCWFLJHTTHZ-UHFFFAOYSA-N");
    assert_eq!(rows[17]["formula"], "C2H6O");
    assert!((rows[17]["mw"].as_f64().unwrap() - 46.069).abs() < 0.001);

    assert!(stderr.contains("record 18 (line 19): the same structure as record 17"), "{stderr}");

    let (code, stdout, _) = compounds(&[path.to_str().unwrap()]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("\n  C1CCCC\n        ^\n"), "{stdout}");
    let (code, stdout, stderr) = compounds(&[fixture("nothing.sdf").to_str().unwrap(), "--json"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("nothing.sdf"), "{stderr}");
    assert_eq!(compounds(&[]).0, Some(2));
}

#[test]
fn isotopes_and_atom_maps_out_of_range_are_errors_that_name_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let errors = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let (code, stdout, stderr) = compounds(&[path.to_str().unwrap(), "--json"]);
        assert_eq!(code, Some(0), "{stderr}");
        let rows: Vec<Value> = serde_json::from_str(&stdout).unwrap();
        rows.iter().map(|row| row["error"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let smiles = "[13CH4]\n[9999999CH4]\nC[CH3:99999999999]\n[-5CH4]\n[CH4:-1]\n[CH3:65535]C\n";
    let expected = [
        None,
        Some("position 1: the isotope 9999999 is out of range, 0 to 999"),
        Some("position 6: the atom map 99999999999 is out of range, 0 to 65535"),
        Some("position 1: an element symbol is missing"),
        Some("position 4: : does not belong here in the bracket"),
        None,
    ];
    assert_eq!(errors("a.smi", smiles), expected.map(|error| error.map(str::to_owned)));

    // Records one behind the other: lines are those of the file.
    let v2000 = |isotope: &str| {
        format!(
            "methane\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\n\
             M  ISO  1   1 {isotope}\nM  END\n$$$$\n"
        )
    };
    let v3000 = |map: &str| {
        format!(
            "methane\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\nM  V30 COUNTS 1 0 0 0 0\n\
             M  V30 BEGIN ATOM\nM  V30 1 C 0 0 0 {map}\nM  V30 END ATOM\nM  V30 END CTAB\nM  END\n$$$$\n"
        )
    };
    let text =
        [v2000("13"), v2000("70000"), v3000("0 MASS=13"), v3000("0 MASS=-13"), v3000("123456")].concat();
    let found = errors("b.sdf", &text);
    assert_eq!((&found[0], &found[2]), (&None, &None));
    for (record, line, what) in [(1, 14, "isotope 70000"), (3, 36, "isotope -13"), (4, 48, "atom map 123456")]
    {
        let error = found[record].as_deref().unwrap();
        assert!(error.starts_with(&format!("line {line}: ")) && error.contains(what), "{error}");
    }
}

/// Changes some bytes: replaced, removed, doubled, or taken from elsewhere in the text.
fn mutate(text: &[u8], alphabet: &[u8], random: &mut Pcg64) -> Vec<u8> {
    let mut text = text.to_vec();
    for _ in 0..random.random_range(1..4) {
        if text.is_empty() {
            break;
        }
        let at = random.random_range(0..text.len());
        match random.random_range(0..4) {
            0 => text[at] = alphabet[random.random_range(0..alphabet.len())],
            1 => drop(text.remove(at)),
            2 => text.insert(at, alphabet[random.random_range(0..alphabet.len())]),
            _ => {
                let end = (at + random.random_range(1..12)).min(text.len());
                let piece = text[at..end].to_vec();
                let to = random.random_range(0..text.len());
                text.splice(to..to, piece);
            }
        }
    }
    text
}

/// Computes everything; a panic inside the toolkit is an error here and is counted.
fn exercise(molecule: &Molecule) -> usize {
    let failed = |e: &ChemError| e.to_string().contains("toolkit failed");
    let errors = [
        molecule.inchi_key().err(),
        molecule.descriptors().err(),
        molecule.ecfp4().err(),
        molecule.maccs().err(),
    ];
    let _ = (molecule.parent(), molecule.formula());
    errors.iter().flatten().filter(|e| failed(e)).count()
}

#[test]
fn mutated_smiles_never_panic_or_hang() {
    let reference = Reference::load();
    let mut random = Pcg64::seed_from_u64(1);
    let (mut tried, mut accepted, mut contained) = (0, 0, 0);
    let start = Instant::now();
    while tried < 6_000 && start.elapsed() < Duration::from_secs(20) {
        let record = &reference.0.records[random.random_range(0..209)];
        let seed = record.smiles.as_deref().unwrap().as_bytes();
        let bytes = mutate(seed, b"CNOPSFIBclnosp[]()=#/\\@+-.%0123456789H*$:~ \xc2\xb5", &mut random);
        let text = String::from_utf8_lossy(&bytes);
        let one = Instant::now();
        match Molecule::from_smiles(&text) {
            Ok(molecule) => {
                accepted += 1;
                contained += exercise(&molecule);
                let again = Molecule::from_smiles(molecule.canonical_smiles()).unwrap();
                assert_eq!(again.canonical_smiles(), molecule.canonical_smiles(), "{text}");
            }
            Err(error) => {
                let position = error.position().unwrap_or(0);
                assert!(position <= text.chars().count(), "{text}: {error}");
            }
        }
        assert!(one.elapsed() < Duration::from_secs(3), "{text}: {:?}", one.elapsed());
        tried += 1;
    }
    println!("{tried} mutated SMILES, {accepted} of them structures, {contained} panics contained");
    assert!(accepted > tried / 50);
}

#[test]
fn mutated_sdf_never_panics_or_hangs() {
    let mut random = Pcg64::seed_from_u64(2);
    let alphabet: Vec<u8> = (0..=255).collect();
    let (mut tried, mut records, mut failed) = (0, 0, 0);
    let start = Instant::now();
    for name in ["drugs_v2000.sdf", "drugs_v3000.sdf"] {
        let text = std::fs::read_to_string(fixture(name)).unwrap();
        let blocks: Vec<&str> = text.split_inclusive("$$$$\n").collect();
        for _ in 0..600 {
            if start.elapsed() > Duration::from_secs(20) {
                break;
            }
            let seed = blocks[random.random_range(0..blocks.len())].as_bytes();
            let bytes = mutate(seed, &alphabet, &mut random);
            let one = Instant::now();
            if let Ok(file) = CompoundFile::parse(&String::from_utf8_lossy(&bytes), Format::Mol) {
                records += file.records.len();
                failed += file.failed().count();
            }
            assert!(one.elapsed() < Duration::from_secs(3));
            tried += 1;
        }
    }
    println!("{tried} mutated SDF records: {failed} of {records} found broken");
}
