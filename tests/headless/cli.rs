//! The program as a script sees it: exit codes, what goes to stdout and stderr, and the files it leaves.

mod ends;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::{AnimationDecoder, GenericImageView};
use serde_json::Value;

const MOVIE: &str = "yeast_projection.ome.tif";
const STACK: &str = "yeast_4d.ome.tif";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/real").join(name)
}

fn molclip<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_molclip")).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {}", stderr(output)))
}

/// Runs a command that must succeed.
fn done<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    let output = molclip(arguments);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    output
}

fn info(path: &Path) -> Value {
    let output = done(["info".as_ref(), path.as_os_str(), "--checksum".as_ref(), "--json".as_ref()]);
    serde_json::from_str(stdout(&output)).unwrap()
}

fn export(name: &str, out: &Path, options: &[&str]) -> Output {
    let path = fixture(name);
    let mut arguments = vec!["export".as_ref(), path.as_os_str(), "--out".as_ref(), out.as_os_str()];
    arguments.extend(options.iter().map(std::ffi::OsStr::new));
    molclip(arguments)
}

/// Exports a file that must come out; its path is all that stands on stdout.
fn exported(name: &str, out: &Path, options: &[&str]) {
    let output = export(name, out, options);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(stdout(&output).trim_end(), out.to_str().unwrap());
}

#[test]
fn info_prints_the_agreed_keys_and_the_right_values() {
    let expected: Value =
        serde_json::from_str(&fs::read_to_string(fixture("expected.json")).unwrap()).unwrap();
    let keys = "name axes shape dtype planes missing_planes pixel_size_um z_step_um interval_s time_stamps_s \
                playback_fps channels compression sum sum_first_plane sum_last_plane";
    for (name, expected) in expected.as_object().unwrap() {
        let info = info(&fixture(name));
        assert_eq!(info["path"], fixture(name).to_str().unwrap());
        assert_eq!(info["format"], "OME-TIFF");
        let series = info["series"].as_array().unwrap();
        assert_eq!(series.len(), 1, "{name}");
        let series = series[0].as_object().unwrap();
        for key in keys.split_whitespace() {
            assert!(series.contains_key(key), "{name}: no {key}");
        }
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&series[key], value, "{name}: {key}");
        }
        assert_eq!(series["axes"], "TZCYX");
        assert_eq!(series["missing_planes"], 0);
        assert_eq!(series["compression"], "deflate");
        assert!((series["pixel_size_um"].as_f64().unwrap() - 0.0655).abs() < 1e-9);
        assert!((series["interval_s"].as_f64().unwrap() - 4.535_566_8).abs() < 1e-6);
        let z_step = if name == STACK { Some(0.75) } else { None };
        assert_eq!(series["z_step_um"].as_f64(), z_step, "{name}: unknown stays null");
        assert!(series["playback_fps"].is_null());
    }
}

#[test]
fn without_checksum_nothing_is_summed() {
    let path = fixture(MOVIE);
    let output = done(["info".as_ref(), path.as_os_str(), "--json".as_ref()]);
    let info: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert!(info["series"][0]["sum"].is_null());
}

#[test]
fn wrong_usage_exits_2_and_explains_on_stderr() {
    for arguments in [
        &["info"][..],
        &["info", "--nonsense", "a.tif"],
        &["export", "a.tif"],
        &["gpu", "--compute", "abacus"],
        &["info", "a.tif", "--series", "one"],
        &["export", "a.tif#xywh=1,2,3", "--out", "a.png"],
        &["export", "a.tif", "--out", "a.bmp"],
        &["export", "a.tif", "--out", "a"],
        &["export", "a.tif", "--out", "a.png", "--scale", "0"],
        &["export", "a.tif", "--out", "a.gif", "--fps", "NaN"],
        &["export", "a.tif", "--out", "a.gif", "--frames", "5-2"],
        &["export", "a.tif", "--out", "a.gif", "--frames", "first"],
        &["export", "a.tif", "--out", "a.png", "--z", "0"],
    ] {
        let output = molclip(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(stderr(&output).starts_with("error: "), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn help_and_version_are_results() {
    let help = done(["--help"]);
    for command in ["gpu", "info", "export"] {
        assert!(stdout(&help).contains(command), "{command}");
    }
    let version = done(["--version"]);
    let start = format!("molclip {} (", env!("CARGO_PKG_VERSION"));
    let build = stdout(&version).trim().strip_prefix(&start).unwrap().strip_suffix(')').unwrap();
    // Commit, its date where it is known, profile, target.
    let parts: Vec<&str> = build.split(", ").collect();
    let commit = parts[0].trim_end_matches("-dirty");
    let is_commit = commit == "unknown" || commit.chars().all(|c| c.is_ascii_hexdigit());
    assert!(is_commit || option_env!("MOLCLIP_COMMIT") == Some(commit), "{build}");
    assert!((3..=4).contains(&parts.len()), "{build}");
    assert_eq!(parts[parts.len() - 2], if cfg!(debug_assertions) { "debug" } else { "release" });
    assert!(parts[parts.len() - 1].contains(std::env::consts::ARCH), "{build}");
}

#[test]
fn failures_exit_1_and_name_file_place_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.tif");
    let empty = folder.path().join("empty.tif");
    fs::write(&empty, "").unwrap();
    let text = folder.path().join("notes.tif");
    fs::write(&text, "a note, no recording").unwrap();
    let nikon = folder.path().join("cell.nd2");
    fs::write(&nikon, [&[0xDA, 0xCE, 0xBE, 0x0A][..], &[0; 60]].concat()).unwrap();
    let cut = folder.path().join("cut.tif");
    let whole = fs::read(fixture(STACK)).unwrap();
    fs::write(&cut, &whole[..6]).unwrap();
    for (path, place, remedy) in [
        (&absent, "opening", "Check the path"),
        (&empty, "file", "Copy or export it again"),
        (&text, "file", "are read"),
        (&nikon, "file", "bfconvert cell.nd2 cell.ome.tif"),
        (&cut, ":", "."),
    ] {
        for json in [false, true] {
            let mut arguments = vec!["info".as_ref(), path.as_os_str()];
            arguments.extend(json.then_some(std::ffi::OsStr::new("--json")));
            let output = molclip(arguments);
            let message = stderr(&output);
            assert_eq!(code(&output), 1, "{message}");
            assert!(output.stdout.is_empty(), "{message}");
            let start = format!("error: {}: ", path.display());
            let rest = message.strip_prefix(&start).unwrap_or_else(|| panic!("no file named: {message}"));
            assert!(rest.contains(place) && rest.contains(remedy), "{message}");
            assert_eq!(message.trim_end().lines().count(), 1, "{message}");
        }
    }
}

#[test]
fn a_series_or_crop_that_is_not_there_is_named() {
    let path = fixture(MOVIE);
    let output = molclip(["info".as_ref(), path.as_os_str(), "--series".as_ref(), "3".as_ref()]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("series 3"), "{}", stderr(&output));

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.png");
    let outside = format!("{}#xywh=100,100,100,100", path.display());
    let output = molclip(["export".as_ref(), outside.as_ref(), "--out".as_ref(), out.as_os_str()]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("152 × 128"), "{}", stderr(&output));
    assert!(!out.exists());
}

#[test]
fn a_png_has_the_size_and_the_light_of_its_frame() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("frame.png");
    exported(MOVIE, &out, &["--frames", "15", "--scale", "2", "--no-overlays"]);
    let picture = image::open(&out).unwrap();
    assert_eq!(picture.dimensions(), (304, 256));
    let grey = picture.to_luma8();
    let dark = grey.pixels().filter(|p| p.0[0] < 64).count();
    let bright = grey.pixels().filter(|p| p.0[0] > 192).count();
    assert!(dark > 20_000 && bright > 200, "{dark} dark and {bright} bright pixels");

    let overlaid = folder.path().join("overlaid.png");
    exported(MOVIE, &overlaid, &["--frames", "15", "--scale", "2"]);
    assert_ne!(image::open(&overlaid).unwrap().to_rgba8(), picture.to_rgba8(), "scale bar and time stamp");
}

#[test]
fn a_crop_and_a_projection_are_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("crop.png");
    let address = format!("{}#xywh=10,20,40,30", fixture(STACK).display());
    done(["export", &address, "--out", out.to_str().unwrap(), "--z", "max", "--scale", "3"]);
    assert_eq!(image::open(&out).unwrap().dimensions(), (120, 90));

    let [slice, highest] = ["1", "max"].map(|z| {
        let out = folder.path().join(format!("{z}.png"));
        exported(STACK, &out, &["--z", z, "--no-overlays"]);
        image::open(&out).unwrap().to_luma8().pixels().map(|p| u64::from(p.0[0])).sum::<u64>()
    });
    assert!(highest > slice, "{highest} {slice}");
}

#[test]
fn a_gif_has_the_chosen_frames_and_speed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("film.gif");
    exported(MOVIE, &out, &["--frames", "3-9", "--fps", "20"]);
    let reader = std::io::BufReader::new(fs::File::open(&out).unwrap());
    let frames = image::codecs::gif::GifDecoder::new(reader).unwrap().into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), 7);
    for frame in &frames {
        assert_eq!(frame.buffer().dimensions(), (152, 128));
        assert_eq!(frame.delay().numer_denom_ms(), (50, 1));
    }
    assert_eq!(info(&out)["series"][0]["playback_fps"], 20.0);
}

#[test]
fn an_ome_tiff_carries_the_values_and_the_calibration() {
    let folder = tempfile::tempdir().unwrap();
    for name in [MOVIE, STACK] {
        let source = &info(&fixture(name))["series"][0];
        for options in [&[][..], &["--uncompressed"]] {
            let out = folder.path().join("copy.ome.tif");
            exported(name, &out, options);
            let copy = &info(&out)["series"][0];
            for key in ["axes", "shape", "dtype", "sum", "sum_first_plane", "sum_last_plane", "z_step_um"] {
                assert_eq!(copy[key], source[key], "{name} {options:?}: {key}");
            }
            for key in ["pixel_size_um", "interval_s"] {
                let (a, b) = (copy[key].as_f64().unwrap(), source[key].as_f64().unwrap());
                assert!((a / b - 1.0).abs() < 1e-9, "{name} {options:?}: {key} {a} {b}");
            }
            assert_eq!(copy["compression"], if options.is_empty() { "deflate" } else { "none" });
        }
    }
    let part = folder.path().join("part.ome.tif");
    exported(STACK, &part, &["--frames", "2-4"]);
    assert_eq!(info(&part)["series"][0]["shape"], serde_json::json!([3, 5, 1, 96, 96]));
}

#[test]
fn an_export_that_cannot_be_done_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    for (file, options, expected, says) in [
        ("a.png", &["--frames", "31"][..], 1, "frames 1 to 30"),
        ("a.png", &["--z", "2"], 1, "planes 1 to 1"),
        ("a.bmp", &[], 2, ".png, .gif or .ome.tif"),
        ("a.gif", &["--scale", "0"], 2, "--scale"),
        ("nowhere/a.ome.tif", &[], 1, "folder exists"),
    ] {
        let output = export(MOVIE, &folder.path().join(file), options);
        assert_eq!(code(&output), expected, "{file} {options:?}");
        assert!(stderr(&output).contains(says), "{file} {options:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_recording_is_never_overwritten_by_its_own_export() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(STACK);
    fs::copy(fixture(STACK), &path).unwrap();
    let output = molclip(["export".as_ref(), path.as_os_str(), "--out".as_ref(), path.as_os_str()]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("the recording itself"), "{}", stderr(&output));
    assert_eq!(fs::read(&path).unwrap(), fs::read(fixture(STACK)).unwrap());
}

#[test]
fn a_mistyped_command_is_wrong_usage_and_the_nearest_one_is_named() {
    for (arguments, nearest) in [
        (&["trian", "x"][..], "`molclip train`"),
        (&["trian", "x", "--config", "c.json", "--out", "d"], "`molclip train`"),
        (&["Evaluate", "--json"], "`molclip evaluate`"),
        (&["inof"], "`molclip info`"),
        (&["--compute", "cpu", "simluate"], "`molclip simulate`"),
        (&["mitochondria"], "gpu, info, compounds"),
    ] {
        let output = molclip(arguments);
        let message = stderr(&output);
        assert_eq!(code(&output), 2, "{arguments:?}: {message}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(message.starts_with("error: there is no file and no command called"), "{message}");
        assert!(message.contains(nearest), "{arguments:?}: {message}");
    }
    let output = molclip(["nowhere/absent.tif"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("nowhere/absent.tif: there is no such file or folder"));
}

#[test]
fn what_another_run_left_is_replaced_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("screen");
    let simulate = |seed: &str, more: &[&str]| {
        let small = ["--moas", "2", "--drugs-per-moa", "2", "--videos-per-drug", "1", "--replicates", "1"];
        let mut arguments = vec!["simulate", "--out", out.to_str().unwrap(), "--seed", seed];
        arguments.extend(small.iter().chain(&["--size", "32", "--frames", "5"]).chain(more));
        molclip(arguments)
    };
    let manifest = || fs::read_to_string(out.join("manifest.csv")).unwrap();
    assert_eq!(code(&simulate("1", &[])), 0);
    let before = manifest();
    let output = simulate("2", &[]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("--overwrite"), "{}", stderr(&output));
    assert_eq!(manifest(), before);

    fs::write(out.join("thesis.txt"), "mine").unwrap();
    let output = simulate("2", &["--overwrite"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("thesis.txt"), "{}", stderr(&output));
    assert_eq!(manifest(), before);
    fs::remove_file(out.join("thesis.txt")).unwrap();
    let output = simulate("2", &["--overwrite"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_ne!(manifest(), before);
    // Another layout leaves nothing of the one before.
    assert_eq!(code(&simulate("2", &["--overwrite", "--layout", "mito"])), 0);
    assert!(!out.join("manifest.csv").exists() && !out.join("videos").exists());
    assert!(out.join("annotation.xlsx").exists() && !out.join("UNFINISHED").exists());

    let mine = folder.path().join("mine");
    fs::create_dir_all(mine.join("model")).unwrap();
    fs::write(mine.join("model/model.json"), "mine").unwrap();
    let output = molclip(["demo".as_ref(), "--out".as_ref(), mine.as_os_str()]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("--overwrite"), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(mine.join("model/model.json")).unwrap(), "mine");
    assert_eq!(fs::read_dir(&mine).unwrap().count(), 1);
}
