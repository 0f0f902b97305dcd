//! Thrift's compact protocol, as far as Parquet's footer and page headers use it.
//!
//! Stricter than other readers: fields come in the order of their numbers, each in the type that its number has, and no
//! count is larger than the bytes that follow. polars goes by a field's number alone; where its type is another one, it
//! takes other bytes for counts.

/// How deep structures stand in each other: the deepest of Parquet's has six levels.
const DEPTH: usize = 16;

/// What a field or the element of a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A flag; the field has no further bytes.
    Flag(bool),
    /// 8 bits.
    Byte,
    /// 16 bits.
    Short,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// A float of 64 bits.
    Double,
    /// Bytes or text.
    Binary,
    /// A list.
    List,
    /// A structure.
    Struct,
}

impl Kind {
    fn of(code: u8) -> Result<Self, String> {
        Ok(match code {
            1 => Self::Flag(true),
            2 => Self::Flag(false),
            3 => Self::Byte,
            4 => Self::Short,
            5 => Self::Int,
            6 => Self::Long,
            7 => Self::Double,
            8 => Self::Binary,
            9 => Self::List,
            12 => Self::Struct,
            _ => return Err(format!("a value has the unknown type {code}")),
        })
    }
}

/// Reads values one after the other. Errors are clauses.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, depth: 0 }
    }

    /// Bytes that were read.
    pub const fn at(&self) -> usize {
        self.at
    }

    const fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        if length > self.left() {
            return Err(format!("{length} bytes are announced and {} follow", self.left()));
        }
        let taken = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.take(1).map(|taken| taken[0])
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number has more than 64 bits".to_owned())
    }

    fn zigzag(&mut self) -> Result<i64, String> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn of_kind(kind: Kind, wanted: Kind) -> Result<(), String> {
        if kind == wanted {
            return Ok(());
        }
        Err(format!("a value is written as {kind:?} that should be {wanted:?}"))
    }

    /// A whole number of 32 bits.
    pub fn int(&mut self, kind: Kind) -> Result<i32, String> {
        Self::of_kind(kind, Kind::Int)?;
        let value = self.zigzag()?;
        i32::try_from(value).map_err(|_| format!("{value} does not fit into 32 bits"))
    }

    /// A whole number of 64 bits.
    pub fn long(&mut self, kind: Kind) -> Result<i64, String> {
        Self::of_kind(kind, Kind::Long)?;
        self.zigzag()
    }

    /// Bytes.
    pub fn binary(&mut self, kind: Kind) -> Result<&'a [u8], String> {
        Self::of_kind(kind, Kind::Binary)?;
        let length = self.varint()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Text.
    pub fn text(&mut self, kind: Kind) -> Result<&'a str, String> {
        std::str::from_utf8(self.binary(kind)?).map_err(|_| "a name is no text".to_owned())
    }

    /// The length of a list whose elements are of this kind; the elements follow.
    pub fn list(&mut self, kind: Kind, element: Kind) -> Result<usize, String> {
        Self::of_kind(kind, Kind::List)?;
        let (length, found) = self.list_head()?;
        if length > 0 {
            Self::of_kind(found, element)?;
        }
        Ok(length)
    }

    fn list_head(&mut self) -> Result<(usize, Kind), String> {
        let head = self.byte()?;
        if head == 0 {
            // fastparquet writes an empty list without a type.
            return Ok((0, Kind::Byte));
        }
        let length = match head >> 4 {
            15 => self.varint()?,
            short => u64::from(short),
        };
        // Each element has at least one byte.
        match usize::try_from(length) {
            Ok(length) if length <= self.left() => Ok((length, Kind::of(head & 15)?)),
            _ => Err(format!("a list announces {length} entries and {} bytes follow", self.left())),
        }
    }

    /// Reads a structure field by field, by number and kind. Each call reads its field's value.
    pub fn fields(
        &mut self,
        kind: Kind,
        mut each: impl FnMut(&mut Self, i16, Kind) -> Result<(), String>,
    ) -> Result<(), String> {
        Self::of_kind(kind, Kind::Struct)?;
        if self.depth == DEPTH {
            return Err(format!("structures stand more than {DEPTH} deep in each other"));
        }
        self.depth += 1;
        let mut last = 0_i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                break;
            }
            let kind = Kind::of(head & 15)?;
            let number = match head >> 4 {
                0 => i16::try_from(self.zigzag()?).ok(),
                step => last.checked_add(i16::from(step)),
            };
            let Some(number) = number.filter(|number| *number > last) else {
                return Err(format!("fields after number {last} are not in their order"));
            };
            last = number;
            each(self, number, kind)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Passes over a value.
    pub fn skip(&mut self, kind: Kind) -> Result<(), String> {
        match kind {
            Kind::Flag(_) => Ok(()),
            Kind::Byte => self.byte().map(|_| ()),
            Kind::Short | Kind::Int | Kind::Long => self.varint().map(|_| ()),
            Kind::Double => self.take(8).map(|_| ()),
            Kind::Binary => self.binary(kind).map(|_| ()),
            Kind::Struct => self.fields(kind, Self::skip_field),
            Kind::List => {
                let (length, element) = self.list_head()?;
                if self.depth == DEPTH {
                    return Err(format!("lists stand more than {DEPTH} deep in each other"));
                }
                // Readers differ in how many bytes flags have in a list; no list in footers and headers holds any.
                if matches!(element, Kind::Flag(_)) && length > 0 {
                    return Err("a list holds flags".to_owned());
                }
                self.depth += 1;
                for _ in 0..length {
                    self.skip(element)?;
                }
                self.depth -= 1;
                Ok(())
            }
        }
    }

    /// Passes over a value that has to be of this kind; a flag may be set or not.
    pub fn skip_as(&mut self, kind: Kind, wanted: Kind) -> Result<(), String> {
        if !matches!((kind, wanted), (Kind::Flag(_), Kind::Flag(_))) {
            Self::of_kind(kind, wanted)?;
        }
        self.skip(kind)
    }

    fn skip_field(&mut self, _: i16, kind: Kind) -> Result<(), String> {
        self.skip(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number and value of each whole number of 32 bits in a structure.
    fn ints(bytes: &[u8]) -> Result<Vec<(i16, i32)>, String> {
        let mut found = Vec::new();
        Reader::new(bytes).fields(Kind::Struct, |reader, number, kind| {
            if kind == Kind::Int {
                found.push((number, reader.int(kind)?));
                return Ok(());
            }
            reader.skip(kind)
        })?;
        Ok(found)
    }

    #[test]
    fn fields_are_read_by_number_and_others_are_passed_over() {
        // 1: int −3; 3: list of two longs; 4: flag; 20 (written out): int 300; 21: structure with one text.
        let bytes = [0x15, 5, 0x29, 0x26, 2, 4, 0x11, 0x05, 40, 0xd8, 4, 0x1c, 0x18, 1, b'x', 0, 0];
        assert_eq!(ints(&bytes).unwrap(), [(1, -3), (20, 300)]);
        assert_eq!(ints(&[0x19, 0x00, 0x15, 2, 0]).unwrap(), [(2, 1)], "an empty list without a type");
    }

    #[test]
    fn what_other_readers_would_take_for_something_else_is_refused() {
        for (bytes, why) in [
            (&[0x15][..], "1 bytes are announced"),
            (&[0x15, 2], "follow"),
            (&[0x15, 2, 0x05, 2, 2, 0], "not in their order"),
            (&[0x1d, 0], "unknown type 13"),
            (&[0x18, 0xff, 0xff, 0xff, 0xff, 0x0f, 0], "are announced"),
            (&[0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 0x07, 0], "a list announces"),
            (&[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0], "64 bits"),
            (&[0x15, 0x80, 0x80, 0x80, 0x80, 0x20, 0], "32 bits"),
            (&[0x19, 0x21, 0, 0, 0], "holds flags"),
            (&[0x1c; 40], "deep"),
            (&[0x19; 40], "deep"),
        ] {
            let error = ints(bytes).unwrap_err();
            assert!(error.contains(why), "{bytes:x?}: {error}");
        }
        let mut reader = Reader::new(&[2]);
        assert!(reader.long(Kind::Int).unwrap_err().contains("should be Long"));
        assert!(Reader::new(&[2]).skip_as(Kind::Byte, Kind::Flag(true)).is_err());
        assert!(Reader::new(&[]).skip_as(Kind::Flag(false), Kind::Flag(true)).is_ok());
        assert!(Reader::new(&[0x2c, 0, 0]).list(Kind::List, Kind::Int).is_err());
    }
}
