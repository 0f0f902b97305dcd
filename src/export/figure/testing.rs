//! Figures read back by parsers that had no part in writing them: `roxmltree` for SVG, `image` and `png` for PNG.

use std::path::PathBuf;

use image::RgbImage;

use super::{DPI, Figure, SMALLEST, lettering};

/// One text of an SVG: what it says, and its box: left, top, right, bottom.
#[derive(Debug, Clone)]
pub struct Label {
    pub text: String,
    pub bounds: [f64; 4],
    pub size: f64,
}

/// What a figure looks like to another program.
pub struct Seen {
    pub svg: String,
    pub labels: Vec<Label>,
    pub picture: RgbImage,
}

/// Draws a figure, reads both files, and checks what holds for every figure: size, resolution, letters large enough, on the
/// paper, and none over another.
pub fn seen(figure: &impl Figure) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    super::write(figure, folder.path()).unwrap();
    // For looking at: FIGURES=folder cargo test.
    if let Some(kept) = std::env::var_os("FIGURES").map(PathBuf::from) {
        super::write(figure, &kept).unwrap();
    }
    let path = |ending: &str| folder.path().join(format!("{}.{ending}", figure.name()));
    let svg = std::fs::read_to_string(path("svg")).unwrap();
    let labels = labels(&svg);
    let picture = check_png(&path("png"), &svg);
    let (wide, high) = (f64::from(picture.width()), f64::from(picture.height()));
    for label in &labels {
        let Label { text, bounds: [left, top, right, bottom], size } = label;
        assert!(*left >= 0.0 && *top >= 0.0 && *right <= wide && *bottom <= high, "off the paper: {label:?}");
        // Atoms in structures alone may be smaller: one to three letters.
        let atom = text.chars().count() <= 3 && figure.name().starts_with("strip");
        assert!(*size / DPI * 72.0 >= SMALLEST - 0.05 || atom, "too small: {label:?}");
    }
    for (i, a) in labels.iter().enumerate() {
        for b in &labels[i + 1..] {
            let apart = a.bounds[2] <= b.bounds[0]
                || b.bounds[2] <= a.bounds[0]
                || a.bounds[3] <= b.bounds[1]
                || b.bounds[3] <= a.bounds[1];
            assert!(apart, "{a:?} lies over {b:?}");
        }
    }
    assert_eq!(labels.iter().any(|label| label.text == "simulated data"), figure.simulated());
    Seen { svg, labels, picture }
}

fn check_png(path: &std::path::Path, svg: &str) -> RgbImage {
    let reader =
        png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap())).read_info().unwrap();
    let info = reader.info();
    let dots = info.pixel_dims.unwrap();
    assert_eq!((dots.xppu, dots.yppu, dots.unit), (11_811, 11_811, png::Unit::Meter), "300 dots per inch");
    let note = |keyword: &str| {
        let found = info.utf8_text.iter().find(|text| text.keyword == keyword).unwrap();
        found.get_text().unwrap()
    };
    assert!(note("Software").starts_with("MolCLIP Studio"));
    assert!(!note("Description").is_empty());
    let document = roxmltree::Document::parse(svg).unwrap();
    let root = document.root_element();
    // Both have one size on paper.
    let mm: f64 = root.attribute("width").unwrap().strip_suffix("mm").unwrap().parse().unwrap();
    assert!((mm - f64::from(info.width) / DPI * 25.4).abs() < 0.01);
    assert!(mm <= 180.01, "wider than a page: {mm} mm");
    assert_eq!(root.attribute("viewBox").unwrap(), format!("0 0 {} {}", info.width, info.height));
    let picture = image::open(path).unwrap().into_rgb8();
    let dark = picture.pixels().filter(|pixel| pixel.0.iter().all(|&v| v < 140)).count();
    assert!(dark > 2_000, "hardly any ink: {dark}");
    assert_eq!(
        note("Title"),
        root.children().find(|node| node.has_tag_name("title")).unwrap().text().unwrap()
    );
    picture
}

fn labels(svg: &str) -> Vec<Label> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let of = |node: roxmltree::Node| {
        let number = |name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
        let text = node.text().unwrap().to_owned();
        let (x, line, size) = (number("x"), number("y"), number("font-size"));
        let wide = lettering::width(&text, size);
        let left = match node.attribute("text-anchor").unwrap() {
            "start" => 0.0,
            "middle" => -wide / 2.0,
            _ => -wide,
        };
        let turn = node.attribute("transform").map(|turn| {
            let inner = turn.strip_prefix("rotate(").unwrap().strip_suffix(')').unwrap();
            inner.split_whitespace().map(|v| v.parse().unwrap()).collect::<Vec<f64>>()
        });
        // The box of capitals; letters below the line are given some.
        let (top, bottom) = (line - 0.69 * size, line + 0.1 * size);
        let bounds = match turn.as_deref() {
            None => [x + left, top, x + left + wide, bottom],
            Some([270.0, cx, cy]) => {
                assert_eq!(*cx, x);
                // (dx, dy) from the centre becomes (dy, −dx).
                [x + top - cy, cy - left - wide, x + bottom - cy, cy - left]
            }
            Some(other) => panic!("{other:?}"),
        };
        Label { text, bounds, size }
    };
    document.descendants().filter(|node| node.has_tag_name("text")).map(of).collect()
}

impl Seen {
    /// Elements with a tag and an attribute's value.
    pub fn count(&self, tag: &str, attribute: &str, value: &str) -> usize {
        let document = roxmltree::Document::parse(&self.svg).unwrap();
        let found =
            |node: &roxmltree::Node| node.has_tag_name(tag) && node.attribute(attribute) == Some(value);
        document.descendants().filter(found).count()
    }

    /// True if a text stands there.
    pub fn says(&self, text: &str) -> bool {
        self.labels.iter().any(|label| label.text == text)
    }

    /// All texts in one, in the order in which they were drawn.
    pub fn words(&self) -> String {
        self.labels.iter().map(|label| label.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Pixels of exactly a colour.
    pub fn pixels(&self, colour: [u8; 3]) -> usize {
        self.picture.pixels().filter(|pixel| pixel.0 == colour).count()
    }
}

/// Names as long as the annotation of real drugs has them.
pub const LONG: [&str; 20] = [
    "Na+/K+-ATPase inhibitor (cardiac glycoside)",
    "uncoupler of oxidative phosphorylation",
    "HMG-CoA reductase inhibitor",
    "proteasome inhibitor",
    "dihydrofolate reductase inhibitor",
    "microtubule destabiliser, vinca site",
    "microtubule stabiliser, taxane site",
    "DNA topoisomerase II poison",
    "selective serotonin reuptake inhibitor",
    "mitochondrial complex I inhibitor",
    "ATP synthase inhibitor",
    "actin polymerisation inhibitor",
    "histone deacetylase inhibitor",
    "mTOR inhibitor",
    "β-adrenergic receptor antagonist",
    "V-ATPase inhibitor",
    "HSP90 inhibitor",
    "ER Ca2+ pump (SERCA) inhibitor",
    "Drp1 inhibitor",
    "K+ ionophore",
];
