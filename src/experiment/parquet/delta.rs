//! Delta encodings: how many values they declare, and how long texts that share their beginnings become.

/// Most values of a block, and most of its parts: writers use 128 in 4.
const BLOCK: u64 = 1 << 16;
const PARTS: u64 = 1 << 9;

/// What is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delta {
    /// Whole numbers.
    Numbers,
    /// Lengths of texts, then the texts.
    Lengths,
    /// How much of each text is that of the one before, lengths of the rests, then the rests.
    Texts,
}

/// Checks the values of a page. `values` is how many it declares, `left` how many bytes of text may still come. The
/// error is a clause.
pub fn check(kind: Delta, page: &[u8], values: usize, left: &mut u64) -> Result<(), String> {
    match kind {
        Delta::Numbers => numbers(page, values, |_| Ok(())).map(|_| ()),
        Delta::Lengths => {
            let mut sum = 0_u64;
            let texts = numbers(page, values, |length| {
                sum =
                    sum.saturating_add(u64::try_from(length).map_err(|_| "a text has a length below zero")?);
                Ok(())
            })?;
            if sum > texts.len() as u64 {
                return Err(format!("its texts have {sum} bytes, and {} follow", texts.len()));
            }
            Ok(())
        }
        Delta::Texts => {
            let mut shared = Vec::new();
            let page = numbers(page, values, |length| {
                shared.push(length);
                Ok(())
            })?;
            let (mut before, mut sum, mut count) = (0_u64, 0_u64, 0);
            let rests = numbers(page, values, |rest| {
                let shared = shared.get(count).and_then(|length| u64::try_from(*length).ok());
                let (Some(shared), Ok(rest)) =
                    (shared.filter(|shared| *shared <= before), u64::try_from(rest))
                else {
                    return Err("a text shares more than the one before it has".to_owned());
                };
                count += 1;
                sum = sum.saturating_add(rest);
                before = shared.saturating_add(rest);
                *left = left.checked_sub(before).ok_or("its texts become longer than is read")?;
                Ok(())
            })?;
            if count != shared.len() || sum > rests.len() as u64 {
                return Err(format!("its texts have {sum} bytes, and {} follow", rests.len()));
            }
            Ok(())
        }
    }
}

/// Reads numbers from the beginning of `bytes`, and returns what follows them.
fn numbers(
    mut bytes: &[u8],
    values: usize,
    mut each: impl FnMut(i64) -> Result<(), String>,
) -> Result<&[u8], String> {
    const CUT: &str = "its numbers end too early";
    let (block, parts, count) = (varint(&mut bytes)?, varint(&mut bytes)?, varint(&mut bytes)?);
    let mut value = zigzag(varint(&mut bytes)?);
    let sound = block.is_multiple_of(128) && (1..=BLOCK).contains(&block) && (1..=PARTS).contains(&parts);
    if !sound || block % parts != 0 || (block / parts) % 32 != 0 {
        return Err(format!("its numbers stand in blocks of {block} in {parts} parts"));
    }
    let Some(count) = usize::try_from(count).ok().filter(|count| *count <= values) else {
        return Err(format!("it declares {values} values, and {count} numbers inside"));
    };
    let (part, parts) = ((block / parts) as usize, parts as usize);
    if count == 0 {
        return Ok(bytes);
    }
    each(value)?;
    let mut left = count - 1;
    while left > 0 {
        let least = zigzag(varint(&mut bytes)?);
        let widths;
        (widths, bytes) = bytes.split_at_checked(parts).ok_or(CUT)?;
        for width in widths.iter().map(|width| usize::from(*width)) {
            // Of parts that are not needed only the width is there.
            if left == 0 {
                break;
            }
            if width > 64 {
                return Err(format!("its numbers have {width} bits"));
            }
            let packed;
            (packed, bytes) = bytes.split_at_checked(width * part / 8).ok_or(CUT)?;
            for index in 0..part.min(left) {
                value = value.wrapping_add(bits(packed, index * width, width) as i64).wrapping_add(least);
                each(value)?;
            }
            left = left.saturating_sub(part);
        }
    }
    Ok(bytes)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or("its numbers end too early")?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a number has more than 64 bits".to_owned())
}

const fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// `width` bits from bit `at` on, the lowest first.
fn bits(bytes: &[u8], at: usize, width: usize) -> u64 {
    let mut value = 0_u128;
    for (place, byte) in bytes.iter().skip(at / 8).take(9).enumerate() {
        value |= u128::from(*byte) << (8 * place);
    }
    let mask = (1_u128 << width) - 1;
    ((value >> (at % 8)) & mask) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of at most 128 values in one block of four parts, each of 8 bits.
    fn packed(values: &[i64]) -> Vec<u8> {
        let mut bytes = vec![0x80, 1, 4, values.len() as u8, (values[0] << 1) as u8];
        if values.len() > 1 {
            bytes.extend([0x7f, 8, 8, 8, 8]); // least −64
        }
        let steps: Vec<u8> = values.windows(2).map(|pair| (pair[1] - pair[0] + 64) as u8).collect();
        for part in steps.chunks(32) {
            bytes.extend(part);
            bytes.resize(bytes.len() + 32 - part.len(), 0);
        }
        bytes
    }

    #[test]
    fn numbers_are_unpacked_and_what_follows_is_found() {
        for count in [1, 2, 33, 100] {
            let values: Vec<i64> = (0..count).map(|i| i * i % 50).collect();
            let mut bytes = packed(&values);
            bytes.extend(b"rest");
            let mut found = Vec::new();
            let rest = numbers(&bytes, values.len(), |value| {
                found.push(value);
                Ok(())
            });
            assert_eq!((rest.unwrap(), found), (&b"rest"[..], values));
        }
        assert_eq!(bits(&[0xff, 0x01, 0x80], 7, 10), 0b11);
        assert_eq!(bits(&[0xff; 9], 3, 64), u64::MAX);
    }

    #[test]
    fn texts_may_not_grow_without_end() {
        let page = |shared: &[i64], rests: &[i64], text: &[u8]| {
            [packed(shared), packed(rests), text.to_vec()].concat()
        };
        let mut left = 100;
        let three = page(&[0, 3, 3], &[5, 0, 1], b"hello!");
        check(Delta::Texts, &three, 3, &mut left).unwrap();
        assert_eq!(left, 100 - 5 - 3 - 4);
        for (bytes, left, why) in [
            (&three, 10, "longer than is read"),
            (&page(&[0, 6], &[5, 0], b"hello"), 100, "shares more"),
            (&page(&[0, 3], &[5, 1], b"hello"), 100, "6 bytes, and 5 follow"),
            (&page(&[0, 3], &[5], b"hello"), 100, "follow"),
            (&page(&[0], &[5, 0], b"hello"), 100, "shares more"),
        ] {
            let error = check(Delta::Texts, bytes, 3, &mut { left }).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let lengths = [packed(&[2, 3]), b"hello".to_vec()].concat();
        check(Delta::Lengths, &lengths, 2, &mut 0).unwrap();
        assert!(
            check(Delta::Lengths, &lengths[..lengths.len() - 1], 2, &mut 0).unwrap_err().contains("4 follow")
        );
    }

    #[test]
    fn counts_that_no_page_has_are_refused() {
        for (bytes, why) in [
            (&[][..], "too early"),
            (&[0x80, 1, 4, 9, 0], "2 values, and 9 numbers"),
            (&[0x80, 1, 0, 2, 0], "128 in 0 parts"),
            (&[0, 4, 2, 0], "blocks of 0"),
            (&[0x81, 1, 4, 2, 0], "blocks of 129"),
            (&[0x80, 1, 8, 2, 0], "128 in 8 parts"),
            (&[0x80, 1, 4, 2, 0, 0, 65, 0, 0, 0], "65 bits"),
            (&[0x80, 1, 4, 2, 0, 0, 8, 0, 0, 0, 1], "too early"),
            (&[0xff; 12], "64 bits"),
        ] {
            let error = check(Delta::Numbers, bytes, 2, &mut 0).unwrap_err();
            assert!(error.contains(why), "{bytes:x?}: {error}");
        }
    }
}
