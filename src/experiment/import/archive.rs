//! A workbook's zip archive is checked before calamine sees it.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use zip::ZipArchive;

use super::ImportError;
use super::grid::Limits;
use super::source::not_a_table;

/// Most parts: a sheet, a drawing and a few more for each sheet.
const PARTS: usize = 10_000;
/// A part that unpacks to more than this is no table where it is [`RATIO`] times smaller packed.
const FREE: u64 = 16 << 20;
/// XML of tables packs 10 to 50 times.
const RATIO: u64 = 250;
/// Least bytes of a shared text, with its tags.
const SHARED: u64 = 8;

/// Unpacks the parts once, keeping nothing: what a packed file says about its size need not be true.
///
/// # Errors
/// It is no workbook, is damaged, passes a limit, or unpacks to far more than tables do.
pub(super) fn check(path: &Path, bytes: &[u8], limits: &Limits) -> Result<(), ImportError> {
    let failed = |e: &dyn std::fmt::Display| {
        ImportError::new(path, "zip archive", e.to_string(), "Copy the file again from where it came.")
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| failed(&e))?;
    if archive.len() > PARTS {
        return Err(failed(&format_args!("it has more than {PARTS} parts")));
    }
    if archive.index_for_name("xl/workbook.xml").is_none()
        && archive.index_for_name("xl\\workbook.xml").is_none()
    {
        let remedy = "Unpack it, or choose an XLSX file.";
        return Err(not_a_table(path, "a zip archive, and no workbook", remedy));
    }
    let mut left = limits.bytes as u64;
    for part in 0..archive.len() {
        let part = archive.by_index(part).map_err(|e| failed(&e))?;
        let name = part.name().map(|name| name.to_string()).unwrap_or_default();
        let refused = |problem: String| {
            let remedy = "Is this the right file? Save it as CSV.";
            ImportError::new(path, format!("zip archive, part {name}"), problem, remedy)
        };
        // Nor need it be true of the packed size.
        let packed = part.compressed_size().min(bytes.len() as u64);
        let most = left.min(FREE.max(packed.saturating_mul(RATIO)));
        let mut counts = Counts::default();
        let unpacked = std::io::copy(&mut part.take(most + 1), &mut counts).map_err(|e| failed(&e))?;
        if unpacked > most {
            return Err(refused(format!("{packed} packed bytes unpack to more than {} MiB", most >> 20)));
        }
        if counts.largest.saturating_mul(SHARED) > unpacked {
            return Err(refused(format!("it declares {} texts in {unpacked} bytes", counts.largest)));
        }
        left -= unpacked;
    }
    Ok(())
}

/// Before the number of shared texts that a part declares.
const NAME: &[u8] = b"uniqueCount";
/// Equals sign, blanks, quotation mark and as many digits as a number has.
const LONGEST: usize = 64;

/// Looks for the largest number of shared texts that is declared: calamine makes room for so many at once.
#[derive(Default)]
struct Counts {
    largest: u64,
    /// The end of what was written, where a name may have begun.
    tail: Vec<u8>,
}

impl Write for Counts {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.tail.extend_from_slice(bytes);
        for at in 0..self.tail.len() {
            if self.tail[at] == NAME[0]
                && let Some(rest) = self.tail[at..].strip_prefix(NAME)
            {
                self.largest = self.largest.max(declared(&rest[..rest.len().min(LONGEST)]));
            }
        }
        let passed = self.tail.len().saturating_sub(NAME.len() + LONGEST);
        self.tail.drain(..passed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The number in a value: `="12"`; 0 where there is none.
fn declared(text: &[u8]) -> u64 {
    let digits = text.iter().skip_while(|byte| b"= \t\r\n\"'+".contains(*byte));
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum: u64, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(parts: &[&[u8]]) -> u64 {
        let mut counts = Counts::default();
        for part in parts {
            counts.write_all(part).unwrap();
        }
        counts.largest
    }

    #[test]
    fn declared_numbers_are_found_wherever_a_part_is_cut() {
        let text = b"<sst count=\"9\" uniqueCount = '1234567'><si><t>uniqueCount</t></si></sst>";
        for cut in 0..text.len() {
            let (first, second) = text.split_at(cut);
            assert_eq!(counted(&[&[b' '; 3000], first, second]), 1_234_567, "{cut}");
        }
        assert_eq!(counted(&[b"uniqueCount=\"99999999999999999999999\""]), u64::MAX);
        assert_eq!(counted(&[b"<si>uniqueCount</si><x>7</x>"]), 0);
    }
}
