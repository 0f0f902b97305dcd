//! What the names of a folder's files say: `cell_t001_z02_ch00.tif`, `img_0007.png`, `Exp_w1DAPI_s2_t3.TIF`.

use std::collections::BTreeMap;

/// What a number in a name counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Time points.
    Time,
    /// Focal planes.
    Z,
    /// Channels.
    Channel,
    /// Positions, scenes, wells: one recording each.
    Series,
    /// Not said; if it is the last number that differs, it counts frames.
    Unknown,
}

/// One number in a name.
#[derive(Debug, Clone)]
struct Number {
    axis: Axis,
    value: u64,
    /// Byte range with its letters and the separator before them.
    span: (usize, usize),
    /// Letters right after a channel's number: `w1DAPI`.
    label: Option<String>,
}

/// Index of a file, and the numbers in its name.
type File = (usize, Vec<Number>);

/// Files that belong together: one recording.
#[derive(Debug)]
pub struct Group {
    /// What the names have in common; empty where that is nothing.
    pub name: String,
    /// True where no letter says that the number counts time.
    pub weak_time: bool,
    /// File by (time, z, channel) number.
    pub files: BTreeMap<[u64; 3], usize>,
    /// Names of the channels, by number.
    pub labels: BTreeMap<u64, String>,
    /// (ignored file, the file with the same numbers that is used instead).
    pub doubles: Vec<(usize, usize)>,
}

/// Sorts names (without extensions; `kind` keeps PNG and TIFF apart) into recordings, in natural order.
pub fn group(names: &[(String, u8)]) -> Vec<Group> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| natord::compare(&names[a].0, &names[b].0));
    let mut alike: BTreeMap<(String, u8), Vec<File>> = BTreeMap::new();
    for i in order {
        let (name, kind) = &names[i];
        let (skeleton, numbers) = parse(name);
        alike.entry((skeleton, *kind)).or_default().push((i, numbers));
    }
    let mut groups: Vec<Group> = alike.into_values().flat_map(|files| split(names, files)).collect();
    groups.sort_by(|a, b| natord::compare(&a.name, &b.name));
    groups
}

/// Splits files with one skeleton by the numbers that count recordings.
fn split(names: &[(String, u8)], mut files: Vec<File>) -> Vec<Group> {
    let count = files.first().map_or(0, |(_, numbers)| numbers.len());
    let varies =
        |files: &[File], k: usize| files.windows(2).any(|pair| pair[0].1[k].value != pair[1].1[k].value);
    let unknown: Vec<usize> =
        (0..count).filter(|&k| files[0].1[k].axis == Axis::Unknown && varies(&files, k)).collect();
    let has_time = files.first().is_some_and(|(_, n)| n.iter().any(|n| n.axis == Axis::Time));
    for (_, numbers) in &mut files {
        for &k in &unknown {
            numbers[k].axis = Axis::Series;
        }
        if let (false, Some(&last)) = (has_time, unknown.last()) {
            numbers[last].axis = Axis::Time;
        }
    }
    let mut groups: BTreeMap<Vec<u64>, Group> = BTreeMap::new();
    for (i, numbers) in files {
        let series = numbers.iter().filter(|n| n.axis == Axis::Series).map(|n| n.value).collect();
        let group = groups.entry(series).or_insert_with(|| Group {
            name: common_name(&names[i].0, &numbers),
            weak_time: !has_time,
            files: BTreeMap::new(),
            labels: BTreeMap::new(),
            doubles: Vec::new(),
        });
        let on = |axis| numbers.iter().rfind(|n| n.axis == axis);
        let key = [Axis::Time, Axis::Z, Axis::Channel].map(|axis| on(axis).map_or(0, |n| n.value));
        if let Some(label) = on(Axis::Channel).and_then(|n| n.label.clone()) {
            group.labels.entry(key[2]).or_insert(label);
        }
        match group.files.get(&key) {
            Some(&used) => group.doubles.push((i, used)),
            None => {
                group.files.insert(key, i);
            }
        }
    }
    groups.into_values().collect()
}

/// The name without the numbers that count time, focal planes and channels.
fn common_name(name: &str, numbers: &[Number]) -> String {
    let mut out = String::new();
    let mut from = 0;
    for number in numbers {
        if matches!(number.axis, Axis::Time | Axis::Z | Axis::Channel) {
            out.push_str(&name[from..number.span.0.max(from)]);
            from = number.span.1;
        }
    }
    out.push_str(&name[from..]);
    out.trim_matches(is_separator).to_owned()
}

fn is_separator(c: char) -> bool {
    matches!(c, '_' | '-' | ' ' | '.' | '=' | '(' | ')' | '[' | ']' | ',' | '#')
}

/// Splits a name into its fixed text and its numbers.
fn parse(name: &str) -> (String, Vec<Number>) {
    let bytes = name.as_bytes();
    let mut skeleton = String::new();
    let mut numbers: Vec<Number> = Vec::new();
    let (mut at, mut fixed) = (0, 0);
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        // A number of 20 digits is an identifier.
        let Ok(value) = name[start..at].parse() else { continue };
        let word = word_before(bytes, start);
        let axis = axis(&name[word.0..word.1].to_ascii_lowercase());
        let axis = if word.1 < start && word.1 - word.0 < 2 { Axis::Unknown } else { axis };
        skeleton.push_str(&name[fixed..start]);
        skeleton.push('\0');
        let label = (axis == Axis::Channel).then(|| label_after(bytes, at)).flatten();
        if let Some(end) = label {
            skeleton.push('\u{1}');
            at = end;
        }
        let digits_end = start + name[start..].bytes().take_while(u8::is_ascii_digit).count();
        let mut from = if axis == Axis::Unknown { start } else { word.0 };
        if from > 0 && name[..from].chars().next_back().is_some_and(is_separator) {
            from -= 1;
        }
        numbers.push(Number {
            axis,
            value,
            span: (from, at),
            label: label.map(|end| name[digits_end..end].to_owned()),
        });
        fixed = at;
    }
    skeleton.push_str(&name[fixed..]);
    settle(name, &mut numbers);
    (skeleton, numbers)
}

/// Resolves what only the whole name tells.
fn settle(name: &str, numbers: &mut [Number]) {
    let last_of = |numbers: &[Number], axis| numbers.iter().rposition(|n| n.axis == axis);
    // `r01c02f03p01-ch1sk1`: with two channel numbers the first is a plate's column; twice T or Z likewise.
    for axis in [Axis::Time, Axis::Z, Axis::Channel] {
        if let Some(last) = last_of(numbers, axis) {
            for number in &mut numbers[..last] {
                if number.axis == axis {
                    number.axis = Axis::Series;
                }
            }
        }
    }
    // Micro-Manager: img_<time, 9 digits>_<channel>_<z>.
    if let [time, z] = numbers
        && name.starts_with("img_")
        && time.axis == Axis::Unknown
        && z.axis == Axis::Unknown
        && time.span == (3, 13)
        && z.span.1 == name.len()
    {
        time.axis = Axis::Time;
        z.axis = Axis::Z;
    }
}

/// The letters right before a number (or before one `_`, `-` or `=` before it).
fn word_before(bytes: &[u8], number: usize) -> (usize, usize) {
    let mut end = number;
    if end > 0 && matches!(bytes[end - 1], b'_' | b'-' | b'=') {
        end -= 1;
    }
    let mut start = end;
    while start > 0 && bytes[start - 1].is_ascii_alphabetic() {
        start -= 1;
    }
    (start, end)
}

/// End of the letters that name a channel (`w1DAPI`, `w2Cy5`), unless they announce the next number (`c02f01`).
fn label_after(bytes: &[u8], from: usize) -> Option<usize> {
    if !bytes.get(from)?.is_ascii_alphabetic() {
        return None;
    }
    let rest = &bytes[from..];
    let word = rest.iter().position(|b| matches!(b, b'_' | b' ' | b'.')).unwrap_or(rest.len());
    let letters = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let announces = rest.get(letters).is_some_and(u8::is_ascii_digit)
        && (letters == 1
            || axis(&String::from_utf8_lossy(&rest[..letters]).to_ascii_lowercase()) != Axis::Unknown);
    (!announces).then_some(from + word)
}

fn axis(word: &str) -> Axis {
    match word {
        "t" | "tp" | "time" | "timepoint" | "frame" | "sk" => Axis::Time,
        "z" | "zpos" | "zslice" | "slice" | "plane" => Axis::Z,
        "c" | "ch" | "chan" | "channel" | "w" | "wave" => Axis::Channel,
        "s" | "series" | "scene" | "site" | "xy" | "p" | "pos" | "position" | "well" | "field" | "fov" => {
            Axis::Series
        }
        _ => Axis::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &[&str]) -> Vec<(String, [usize; 3])> {
        let names: Vec<(String, u8)> = names.iter().map(|&n| (n.to_owned(), 0)).collect();
        group(&names)
            .into_iter()
            .map(|g| {
                let distinct = |k: usize| {
                    let mut values: Vec<u64> = g.files.keys().map(|key| key[k]).collect();
                    values.sort_unstable();
                    values.dedup();
                    values.len()
                };
                (g.name.clone(), [distinct(0), distinct(1), distinct(2)])
            })
            .collect()
    }

    #[test]
    fn numbers_in_names_become_axes() {
        let one = |name: &str, tzc| vec![(name.to_owned(), tzc)];
        assert_eq!(groups(&["mito_t001_ch00", "mito_t002_ch00"]), one("mito", [2, 1, 1]));
        assert_eq!(groups(&["mito_t001_ch00", "mito_t001_ch01"]), one("mito", [1, 1, 2]));
        assert_eq!(groups(&["a_t1z1", "a_t1z2", "a_t2z1", "a_t2z2"]), one("a", [2, 2, 1]));
        assert_eq!(groups(&["001", "002", "010"]), one("", [3, 1, 1]));
        assert_eq!(groups(&["exp3 frame 9", "exp3 frame 10"]), one("exp3 frame", [2, 1, 1]));
        assert_eq!(groups(&["e_w1DAPI_t1", "e_w2GFP_t1", "e_w1DAPI_t2", "e_w2GFP_t2"]), one("e", [2, 1, 2]));
        assert_eq!(
            groups(&["img_000000000_Default_000", "img_000000000_Default_001", "img_000000001_Default_000"]),
            one("img_Default", [2, 2, 1])
        );
        assert_eq!(
            groups(&["well2_001", "well2_002", "well10_001"]),
            [("well2".to_owned(), [2, 1, 1]), ("well10".to_owned(), [1, 1, 1])]
        );
        assert_eq!(
            groups(&["r01c02f01p01-ch1sk1", "r01c02f01p01-ch1sk2", "r01c03f01p01-ch1sk1"]).len(),
            2,
            "a plate's column is no channel"
        );
        assert_eq!(groups(&["control", "drug"]).len(), 2);
    }

    #[test]
    fn the_same_number_twice_is_reported() {
        let names = [("t1".to_owned(), 0), ("t01".to_owned(), 0)];
        let groups = group(&names);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].doubles.len(), 1);
    }
}
