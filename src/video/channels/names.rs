//! What tells files from each other by their names: `dapi` and `tmrm` of `mito_A01_dapi` and `mito_A01_tmrm`. Experiment, plate
//! and well say nothing of a channel, and may say what it is not.

/// Names without the words that all of them begin and end with. Each keeps a word at least; names that are all alike stay as
/// they are.
pub(super) fn differing(names: &[String]) -> Vec<&str> {
    let mut words: Vec<Vec<&str>> =
        names.iter().map(|name| name.split(is_border).filter(|word| !word.is_empty()).collect()).collect();
    let spare = words.iter().map(Vec::len).min().unwrap_or_default().saturating_sub(1);
    let before = leading(&words);
    if words.iter().all(|words| words.len() == before) {
        return names.iter().map(String::as_str).collect();
    }
    let before = before.min(spare);
    for words in &mut words {
        words.reverse();
    }
    let after = leading(&words).min(spare - before);
    names.iter().map(|name| without_last(without_first(name, before), after)).collect()
}

/// How many words all of these have in common, from the first on.
fn leading(words: &[Vec<&str>]) -> usize {
    let Some((first, others)) = words.split_first() else { return 0 };
    (0..first.len()).take_while(|&n| others.iter().all(|other| other.get(n) == first.get(n))).count()
}

fn is_border(c: char) -> bool {
    !c.is_alphanumeric()
}

fn without_first(name: &str, words: usize) -> &str {
    (0..words).fold(name, |rest, _| {
        rest.trim_start_matches(is_border)
            .trim_start_matches(char::is_alphanumeric)
            .trim_start_matches(is_border)
    })
}

fn without_last(name: &str, words: usize) -> &str {
    (0..words).fold(name, |rest, _| {
        rest.trim_end_matches(is_border).trim_end_matches(char::is_alphanumeric).trim_end_matches(is_border)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_names_share_is_left_out_at_the_borders_of_words() {
        for (names, expected) in [
            (&["mito_A01_dapi", "mito_A01_tmrm"][..], &["dapi", "tmrm"][..]),
            (&["GFP long-A01.ome", "DNA-A01.ome"], &["GFP long", "DNA"]),
            (&["p_A01_w1_x", "p_A01_w2_x", "p_A01_w10_x"], &["w1", "w2", "w10"]),
            // Not within a word, and never nothing.
            (&["stain1", "stain2"], &["stain1", "stain2"]),
            (&["A01", "A01_dna"], &["A01", "A01_dna"]),
            (&["A_x_x", "A_x"], &["x_x", "x"]),
            (&["A 01", "A 01"], &["A 01", "A 01"]),
            (&["_", "é_ü"], &["_", "é_ü"]),
            (&["alone_1"], &["alone_1"]),
            (&[], &[]),
        ] {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            assert_eq!(differing(&names), expected);
        }
    }
}
