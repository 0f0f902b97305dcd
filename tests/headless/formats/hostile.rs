//! Files that attack the memory, that would make the program wait, and that say what cannot be.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use molclip::experiment::import;
use molclip::export::embeddings;
use molclip::progress::Progress;
use molclip::simulate;
use molclip::video::edits::sidecar_path;
use molclip::video::{self, Limits};

use super::{error, fixture, open, sum, total, write_stack};
#[cfg(unix)]
use crate::tiff::compressed;
use crate::tiff::deflated;

#[test]
fn a_large_canvas_with_next_to_nothing_on_it_is_refused() {
    // 6000 × 6000 in colour are 103 MB, of which the file draws 32 × 24 pixels.
    let mut bytes = fs::read(fixture("gif/disposals.gif")).unwrap();
    bytes[6..10].copy_from_slice(&[0x70, 0x17, 0x70, 0x17]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.gif");
    fs::write(&path, &bytes).unwrap();
    let error = error(&path).to_string();
    assert!(error.contains("6000 × 6000 pixels take 102 MB") && error.contains("times the"), "{error}");
    let trusting = Limits { trusted_bytes: 1 << 30, ..Limits::default() };
    let reader = video::open(&path, trusting).unwrap_or_else(|e| panic!("{e}"));
    let sums: Vec<u64> = (0..10).map(|t| sum(reader.as_ref(), 0, t)).collect();
    // The picture that stuck out of the small canvas lies inside this one.
    let small = open(&fixture("gif/disposals.gif"));
    assert_eq!(sums[..7], (0..7).map(|t| sum(small.as_ref(), 0, t)).collect::<Vec<_>>()[..]);
    assert!(sums[7] > sum(small.as_ref(), 0, 7));
}

/// An 8-bit grey PNG of the given size; `packed` are its rows, deflated.
fn png(width: u32, height: u32, packed: &[u8]) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], data: &[u8]| {
        out.extend((data.len() as u32).to_be_bytes());
        let body = [name.as_slice(), data].concat();
        out.extend_from_slice(&body);
        out.extend(libdeflater::crc32(&body).to_be_bytes());
    };
    let header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(b"IHDR", &[header, vec![8, 0, 0, 0, 0]].concat());
    chunk(b"IDAT", packed);
    chunk(b"IEND", &[]);
    out
}

/// Rows of a black picture, each behind the number of its filter.
fn black(width: usize, height: usize) -> Vec<u8> {
    deflated(&vec![0; (width + 1) * height])
}

#[test]
fn a_png_that_hardly_any_bytes_hold_is_refused_and_a_dark_one_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    fs::write(&path, png(2048, 2048, &black(2048, 2048))).unwrap();
    assert_eq!(total(open(&path).as_ref()), 0);
    fs::write(&path, png(10_000, 10_000, &black(10_000, 10_000))).unwrap();
    let text = error(&path).to_string();
    assert!(
        text.contains("10000 × 10000 pixels take 95 MB") && text.contains("MOLCLIP_PLANE_MB=96 "),
        "{text}"
    );
    fs::write(&path, png(50_000, 40_000, &black(1, 1))).unwrap();
    let text = error(&path).to_string();
    assert!(text.contains("1907 MB, more than the limit of 1024 MB"), "{text}");
}

/// Runs the program with so many kB of address space.
#[cfg(unix)]
fn within(kilobytes: u32, variable: Option<&str>, arguments: &[&str], path: &Path) -> Output {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -v {kilobytes}; exec \"$0\" \"$@\""));
    command.arg(env!("CARGO_BIN_EXE_molclip")).args(arguments).arg(path).env_remove("MOLCLIP_PLANE_MB");
    // Each thread takes address space, however many cores there are.
    command.env("RAYON_NUM_THREADS", "2").env("MALLOC_ARENA_MAX", "2");
    command.envs(variable.map(|value| ("MOLCLIP_PLANE_MB", value)));
    command.output().unwrap()
}

#[test]
#[cfg(unix)]
fn bombs_end_with_an_error_in_little_memory() {
    const KILOBYTES: u32 = 1_500_000;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    // 30,000 × 30,000 of 16 bits are 1.8 GB, 20,000 × 20,000 are 800 MB; strips share their bytes.
    let (wide, less) = (deflated(&vec![0; 30_000 * 300 * 2]), deflated(&vec![0; 20_000 * 200 * 2]));
    let huge = write("huge.tif", &compressed(30_000, 30_000, 16, 8, &wide, 100));
    let large = write("large.tif", &compressed(20_000, 20_000, 16, 8, &less, 100));
    let picture = write("bomb.png", &png(12_000, 12_000, &black(12_000, 12_000)));
    let mut canvas = fs::read(fixture("gif/disposals.gif")).unwrap();
    canvas[6..10].copy_from_slice(&[0x20, 0x4E, 0x20, 0x4E]);
    let canvas = write("bomb.gif", &canvas);
    for path in [&huge, &large, &picture, &canvas] {
        for arguments in [&["info"][..], &["info", "--checksum"]] {
            let output = within(KILOBYTES, None, arguments, path);
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{text}");
            assert!(text.contains("MOLCLIP_PLANE_MB=") && text.contains("pixels take"), "{text}");
            assert!(output.stdout.is_empty());
        }
    }
    // Trusted files are described, and what there is no memory for is still no abort.
    let claimed = write("claimed.png", &png(50_000, 40_000, &black(1, 1)));
    let output = within(KILOBYTES, Some("4000"), &["info"], &claimed);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let output = within(KILOBYTES, Some("4000"), &["info", "--checksum"], &claimed);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("there is no memory for the 1907 MB"), "{text}");
    let output = within(KILOBYTES, Some("much"), &["info"], &picture);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && text.contains("MOLCLIP_PLANE_MB=much is ignored"), "{text}");
}

/// Runs the program on a path that must not make it wait.
#[cfg(unix)]
fn at_once(arguments: &[&str], path: &Path) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_molclip"))
        .args(arguments)
        .arg(path)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("{} is waited for", path.display());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[cfg(unix)]
fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
#[cfg(unix)]
fn pipes_devices_and_sockets_are_no_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("pipe.tif");
    pipe(&fifo);
    let socket = folder.path().join("socket.gif");
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let out = folder.path().join("out.png");
    for path in [fifo.as_path(), &socket, Path::new("/dev/zero")].into_iter().filter(|path| path.exists()) {
        for arguments in [&["info"][..], &["export", "--out", out.to_str().unwrap()]] {
            let (code, text) = at_once(arguments, path);
            assert_eq!(code, Some(1), "{text}");
            assert!(text.contains("pipe, device or socket") && text.contains("into a file first."), "{text}");
        }
    }
    // A folder says what it leaves out.
    let (code, text) = at_once(&["info"], folder.path());
    assert!(code == Some(1) && text.contains("pipe.tif, socket.gif"), "{text}");
    for t in 1..3 {
        fs::copy(fixture("folder/gap/mito_t1.png"), folder.path().join(format!("t{t}.png"))).unwrap();
    }
    let reader = open(folder.path());
    assert_eq!(reader.series()[0].shape.t, 2);
    assert_eq!(
        reader.series()[0].warnings,
        ["2 pipes, devices or sockets in the folder are left out: pipe.tif, socket.gif."]
    );
    // A sidecar, too.
    pipe(&folder.path().join("t1.png.molclip.json"));
    let (code, text) = at_once(&["info"], &folder.path().join("t1.png"));
    assert!(code == Some(1) && text.contains("t1.png.molclip.json") && text.contains("rename it"), "{text}");
}

#[test]
fn a_damaged_sidecar_stops_info_and_export() {
    let folder = tempfile::tempdir().unwrap();
    let movie = folder.path().join("movie.ome.tif");
    write_stack(&movie, 3, 1, 10);
    let sidecar = folder.path().join("movie.ome.tif.molclip.json");
    let out = folder.path().join("out.ome.tif");
    let run = |command: &str| {
        let mut molclip = Command::new(env!("CARGO_BIN_EXE_molclip"));
        molclip.arg(command).arg(&movie);
        if command == "export" {
            molclip.arg("--out").arg(&out);
        }
        let output = molclip.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for content in ["{\n \"series\": {\"0\": {\"interval_s\": 5,", "{\n \"sereis\": {}}", "{\n \u{0}"] {
        fs::write(&sidecar, content).unwrap();
        for command in ["info", "export"] {
            let (code, text) = run(command);
            assert_eq!(code, Some(1), "{command}: {text}");
            assert!(text.contains("movie.ome.tif.molclip.json: line 2, column "), "{text}");
            assert!(text.contains("Correct the file by hand, or rename it to start without edits"), "{text}");
            assert_eq!(fs::read_to_string(&sidecar).unwrap(), content, "it is left as it is");
            assert!(!out.exists());
        }
    }
    fs::write(&sidecar, "{\"series\": {\"0\": {\"interval_s\": 5}}}").unwrap();
    for command in ["info", "export"] {
        let (code, text) = run(command);
        assert_eq!(code, Some(0), "{command}: {text}");
    }
    assert_eq!(open(&out).series()[0].interval_s, Some(5.0));
}

#[test]
fn a_row_with_a_damaged_sidecar_is_left_out_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let config = simulate::Config {
        moas: 2,
        drugs_per_moa: 2,
        videos_per_drug: 1,
        replicates: 3,
        size: 64,
        frames: 16,
        seed: 6,
        ..simulate::Config::default()
    };
    let manifest = simulate::run(&config, &folder.path().join("screen"), &Progress::default()).unwrap();
    let table = import::open(&manifest).unwrap().experiment;
    let row = table.table.len() - 1;
    let (row_id, address) = (table.table.row_id(row).to_owned(), table.address(row).unwrap());
    fs::write(sidecar_path(&address.path), "{").unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/light-simulated");
    for (command, out) in [("embed", "e.npy"), ("predict", "p.csv")] {
        let output = Command::new(env!("CARGO_BIN_EXE_molclip"))
            .arg(command)
            .arg(&manifest)
            .arg("--model")
            .arg(&model)
            .arg("--out")
            .arg(folder.path().join(out))
            .args(["--compute", "cpu"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command}: {text}");
        let left_out = text.lines().find(|line| line.starts_with(&format!("left out {row_id}: ")));
        let left_out = left_out.unwrap_or_else(|| panic!("{command}: {text}"));
        assert!(left_out.contains(".molclip.json: line 1, column 1: "), "{command}: {left_out}");
        assert!(left_out.contains("rename it to start without edits"), "{command}: {left_out}");
    }
    let embedded = embeddings::read(&folder.path().join("e.npy")).unwrap();
    assert_eq!(embedded.row_ids.len() + 1, table.table.len());
    assert!(!embedded.row_ids.contains(&row_id));
}

#[test]
fn a_bad_crop_is_an_error_and_not_the_whole_picture() {
    let path = fixture("folder/gap/mito_t1.png");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.png");
    for (crop, says) in [
        ("10,10,100,10", "does not lie inside the frame of 48 × 40 px"),
        ("48,0,1,1", "does not lie inside"),
        ("0,0,10,0", "at least 1"),
        ("-1,0,10,10", "four whole numbers"),
        ("0,0,10", "four whole numbers"),
        ("0,0,10,10,x", "four whole numbers"),
    ] {
        let address = format!("{}#xywh={crop}", path.display());
        let output = Command::new(env!("CARGO_BIN_EXE_molclip")).args(["info", &address]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && output.stdout.is_empty(), "{crop}: {text}");
        assert!(text.contains(says), "{crop}: {text}");
        let export = Command::new(env!("CARGO_BIN_EXE_molclip"))
            .args(["export", &address, "--out"])
            .arg(&out)
            .output()
            .unwrap();
        assert!(!export.status.success() && !out.exists(), "{crop}");
    }
}
