//! The order of a table's cells: numbers by value, text in natural order, empty cells last.

use std::collections::HashMap;

use rayon::prelude::*;

use super::cells::Values;

/// A number per row that sorts as the cells do: empty cells are last in both directions.
pub(super) fn ranks(values: Values, rows: &[u32], descending: bool) -> Vec<u64> {
    let turn = |rank: u64| if descending { u64::MAX - 1 - rank } else { rank };
    match values {
        Values::Text(cells) => {
            let texts: Vec<Option<&str>> = rows.iter().map(|row| cells.get(*row as usize)).collect();
            text_ranks(&texts).into_iter().map(|rank| rank.map_or(u64::MAX, turn)).collect()
        }
        values => rows
            .iter()
            .map(|row| values.number(*row as usize).map_or(u64::MAX, |value| turn(ordered_bits(value))))
            .collect(),
    }
}

/// Bits of a finite float that compare as the floats do; −0 equals 0.
fn ordered_bits(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// The place of each text in natural order; equal texts have the same.
fn text_ranks(texts: &[Option<&str>]) -> Vec<Option<u64>> {
    // Wells and compounds are few: they are compared once each. Of paths and names every one is another.
    const FEW: usize = 4096;
    let mut slots: HashMap<&str, u32> = HashMap::new();
    let mut distinct = Vec::new();
    let mut slot_of = Vec::with_capacity(texts.len());
    for text in texts {
        slot_of.push(text.map(|text| {
            *slots.entry(text).or_insert_with(|| {
                distinct.push(text);
                distinct.len() as u32 - 1
            })
        }));
        if distinct.len() > FEW {
            break;
        }
    }
    if distinct.len() > FEW {
        distinct = texts.iter().flatten().copied().collect();
        let mut next = 0..;
        slot_of = texts.iter().map(|text| text.and_then(|_| next.next())).collect();
    }
    let ranks = ranks_of(&distinct);
    slot_of.into_iter().map(|slot| slot.map(|slot| ranks[slot as usize])).collect()
}

/// Sorting moves the first sixteen bytes in which keys differ, and looks at the rest where those are equal.
fn ranks_of(texts: &[&str]) -> Vec<u64> {
    let keys: Vec<Vec<u8>> = texts.par_iter().map(|text| natural_key(text)).collect();
    let Some(first) = keys.first() else { return Vec::new() };
    let common = keys
        .iter()
        .fold(first.len(), |common, key| first[..common].iter().zip(key).take_while(|(a, b)| a == b).count());
    let head = |key: &Vec<u8>| {
        let rest = &key[common..];
        let mut head = [0; 16];
        let taken = rest.len().min(head.len());
        head[..taken].copy_from_slice(&rest[..taken]);
        u128::from_be_bytes(head)
    };
    let mut order: Vec<(u128, u32)> = keys.iter().map(head).zip(0..).collect();
    order.par_sort_unstable_by(|(a_head, a), (b_head, b)| {
        let rest = |at: &u32| (&keys[*at as usize], texts[*at as usize]);
        a_head.cmp(b_head).then_with(|| rest(a).cmp(&rest(b)))
    });
    let mut ranks = vec![0; texts.len()];
    let mut rank = 0;
    for pair in order.windows(2) {
        let [before, at] = [pair[0].1 as usize, pair[1].1 as usize];
        rank += u64::from(texts[before] != texts[at]);
        ranks[at] = rank;
    }
    ranks
}

/// Bytes that compare as texts do in natural order: case aside, and runs of digits by their value.
///
/// A run of digits becomes `0`, the count of its digits without leading zeros, then those digits: more digits are a
/// larger number. The count takes one byte, or five from 255 on. Like `natord`, but made once per text instead of once per comparison.
pub fn natural_key(text: &str) -> Vec<u8> {
    let folded: String;
    let mut rest = if text.is_ascii() {
        text.as_bytes()
    } else {
        folded = text.to_lowercase();
        folded.as_bytes()
    };
    let mut key = Vec::with_capacity(rest.len() + 8);
    while let Some(first) = rest.first() {
        if !first.is_ascii_digit() {
            key.push(first.to_ascii_lowercase());
            rest = &rest[1..];
            continue;
        }
        let run = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = &rest[..run];
        let significant = &digits[digits.iter().take_while(|byte| **byte == b'0').count()..];
        key.push(b'0');
        match u8::try_from(significant.len()) {
            Ok(count) if count < u8::MAX => key.push(count),
            _ => {
                key.push(u8::MAX);
                key.extend((significant.len() as u32).to_be_bytes());
            }
        }
        key.extend(significant);
        rest = &rest[run..];
    }
    key
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::super::{Table, view};
    use super::*;

    #[test]
    fn the_natural_key_orders_as_natord_does() {
        let texts = [
            "a",
            "a2",
            "a10",
            "a10b",
            "a10b2",
            "b1",
            "img_9_t100",
            "img_9_t20",
            "img_10_t3",
            "z",
            "10",
            "9",
            "",
            "-",
        ];
        for a in texts {
            for b in texts {
                assert_eq!(natural_key(a).cmp(&natural_key(b)), natord::compare(a, b), "{a} {b}");
            }
        }
        assert_eq!(natural_key("A007"), natural_key("a7"));
        assert!(natural_key(&"9".repeat(300)) > natural_key(&"9".repeat(254)));
        assert!(natural_key(&"9".repeat(255)) > natural_key(&"9".repeat(254)));
    }

    #[test]
    fn many_different_texts_sort_as_few_do() {
        let texts: Vec<String> = (0..9000).map(|i| format!("cell{}", i * 7919 % 4500 * 3)).collect();
        let frame = df!("path" => texts.clone()).unwrap();
        let sort = vec![("path".to_owned(), false)];
        let rows =
            view::rows(&Table::from_frame(frame).unwrap(), &view::Query { sort, ..view::Query::default() });
        let number = |row: u32| texts[row as usize][4..].parse::<u32>().unwrap();
        assert!(rows.is_sorted_by_key(|row| (number(*row), *row)), "by number, twins in their order");
        assert_eq!(rows.len(), 9000);
    }
}
