//! Opens a Mito dataset of the real one's size and shows 100,000 rows of a table in the ways that panels ask for.
//!
//! Before the benches each case runs a few times against its limit; the bench fails where the fastest passes it. The
//! dataset is made in a temporary folder: all of its 35,631 cell folders, but no frames, for no frame is looked at.
//! `benches/peers/pandas_peer.py` does the same with pandas on the same table.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group};
use molclip::experiment::import::{self, Source, apply, guess};
use molclip::experiment::{Filter, Query, Table, view};

/// Sequences of the Mito dataset.
const CELLS: usize = 35_631;
/// Its drugs, DMSO too.
const DRUGS: usize = 1_069;
/// Rows to filter and sort.
const ROWS: usize = 100_000;

fn or_exit<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|e| {
        eprintln!("{e}");
        std::process::exit(1)
    })
}

fn mito_root() -> tempfile::TempDir {
    let root = or_exit(tempfile::tempdir());
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    or_exit(sheet.set_name("FDA-list"));
    or_exit(sheet.write_row(0, 0, ["index", "name", "moa_id", "common_moa", "moa_choose"]));
    for drug in 0..DRUGS {
        let index = if drug == 0 { "dmso".to_owned() } else { drug.to_string() };
        let name = format!("drug {drug}");
        let moa = format!("mechanism {}", drug % 38);
        or_exit(sheet.write_row(drug as u32 + 1, 0, [&index, &name, &(drug % 38).to_string(), &moa, "1"]));
    }
    or_exit(book.save(root.path().join("annotation.xlsx")));
    for cell in 0..CELLS {
        let (drug, turn) = (cell % DRUGS, cell / DRUGS);
        let replicate = ["l1", "l2", "l3"][turn % 3];
        let set = ["train", "train", "train", "query", "gallery"][turn / 3 % 5];
        let drug = if drug == 0 { "dmso".to_owned() } else { drug.to_string() };
        or_exit(fs::create_dir_all(root.path().join(replicate).join(set).join(drug).join(cell.to_string())));
    }
    root
}

/// A screen as CSV; the peer makes the same.
fn screen() -> String {
    let row = |row: usize| {
        // A fixed shuffle, so that no column is sorted.
        let at = row * 7919 % ROWS;
        let plate = at / 384;
        let well = format!("{}{}", char::from(b'A' + (at / 24 % 16) as u8), at % 24 + 1);
        let drug = at % 997;
        let control = if drug == 0 { "negative" } else { "" };
        let dose = [0.1, 0.3, 1.0, 3.0, 10.0][at % 5];
        let score = (at as f64 * 0.618).fract();
        format!(
            "cell{at},videos/plate{plate}/cell{at}.ome.tif,plate{plate},{well},{},drug {drug},{dose},mechanism {},\
             {control},{score}\n",
            at % 3,
            drug % 38
        )
    };
    let head = "row_id,path,plate,well,replicate,compound,concentration_uM,moa,control,score\n".to_owned();
    std::iter::once(head).chain((0..ROWS).map(row)).collect()
}

fn table() -> Table {
    let source = or_exit(Source::from_bytes(
        Path::new("screen.csv"),
        screen().into_bytes(),
        None,
        &import::Limits::default(),
    ));
    let mut mapping = guess(&source);
    // Recordings that are not there would be looked for.
    let path = source.column("path").unwrap_or_default();
    mapping.columns[path].target = import::Target::Free(molclip::experiment::Kind::Text);
    or_exit(apply(&source, &mapping)).experiment.table
}

fn queries() -> Vec<(&'static str, Query)> {
    let sort = |column: &str| vec![(column.to_owned(), false)];
    vec![
        (
            "filter by moa",
            Query {
                filters: vec![Filter::OneOf {
                    column: "moa".to_owned(),
                    values: (0..5).map(|moa| format!("mechanism {moa}")).collect(),
                }],
                ..Query::default()
            },
        ),
        (
            "filter by score",
            Query {
                filters: vec![Filter::Range { column: "score".to_owned(), min: Some(0.2), max: Some(0.4) }],
                ..Query::default()
            },
        ),
        ("search text", Query { text: "Plate77 mechanism".to_owned(), ..Query::default() }),
        ("search absent text", Query { text: "latrunculin".to_owned(), ..Query::default() }),
        ("sort by score", Query { sort: sort("score"), ..Query::default() }),
        ("sort by well", Query { sort: sort("well"), ..Query::default() }),
        ("sort by row_id", Query { sort: sort("row_id"), ..Query::default() }),
    ]
}

/// The fastest of a few runs.
fn fastest<T>(runs: usize, mut run: impl FnMut() -> T) -> Duration {
    let time = |run: &mut dyn FnMut() -> T| {
        let start = Instant::now();
        black_box(run());
        start.elapsed()
    };
    (0..runs).map(|_| time(&mut run)).min().unwrap_or_default()
}

fn limits(root: &Path, table: &Table) {
    let check = |what: &str, took: Duration, limit: Duration| {
        println!("{what}: {:.1} ms, limit {:.0} ms", took.as_secs_f64() * 1e3, limit.as_secs_f64() * 1e3);
        if took > limit {
            eprintln!("{what} is too slow");
            std::process::exit(1);
        }
    };
    let opened = or_exit(import::open(root));
    assert_eq!(opened.experiment.table.len(), CELLS);
    check("open a Mito dataset", fastest(3, || import::open(root)), Duration::from_secs(5));
    for (name, query) in queries() {
        check(name, fastest(20, || view::rows(table, &query)), Duration::from_millis(50));
    }
}

fn experiment(c: &mut Criterion) {
    let (root, table) = (mito_root(), table());
    limits(root.path(), &table);
    let mut group = c.benchmark_group("experiment");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    group.bench_function("open a Mito dataset", |b| b.iter(|| import::open(root.path())));
    group.bench_function("read a CSV of 100,000 rows", |b| b.iter(self::table));
    for (name, query) in queries() {
        group.bench_function(name, |b| b.iter(|| view::rows(&table, &query)));
    }
    group.finish();
}

criterion_group!(benches, experiment);
criterion::criterion_main!(benches);
