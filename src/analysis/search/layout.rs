//! Where the vectors lie in a file of `molclip embed`. Nothing in a file is believed before it is checked.

use safetensors::{Dtype, SafeTensors};

/// Name of the tensor.
const TENSOR: &str = "embedding";
/// The header of a matrix has some 120 bytes.
const MAX_NPY_HEADER: usize = 1 << 16;

/// A matrix of little-endian f32 in a file, row after row: `rows · dim` numbers from byte `start` on, all within
/// the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) start: usize,
    pub(super) rows: usize,
    pub(super) dim: usize,
    /// Hash of the model that made the vectors, if the file tells.
    pub(super) model: Option<String>,
}

impl Layout {
    /// Told by the first bytes, whatever the file is called.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, String> {
        if bytes.starts_with(b"\x93NUMPY") { npy(bytes) } else { tensors(bytes) }
    }

    /// `length`: bytes of the file from `start` on.
    fn checked(start: usize, shape: &[usize], length: usize, model: Option<String>) -> Result<Self, String> {
        let &[rows, dim] = shape else {
            return Err(format!("the shape is {shape:?}, not [rows, length of a vector]"));
        };
        if dim == 0 {
            return Err("the vectors are empty".to_owned());
        }
        let expected = rows.checked_mul(dim).and_then(|n| n.checked_mul(size_of::<f32>()));
        if expected != Some(length) {
            return Err(format!(
                "{rows} vectors of {dim} numbers do not take the {length} bytes that are there: the file was cut off \
                 or changed"
            ));
        }
        Ok(Self { start, rows, dim, model })
    }
}

fn tensors(bytes: &[u8]) -> Result<Layout, String> {
    let neither = |e| format!("neither NumPy's format nor a whole safetensors file ({e})");
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(neither)?;
    let tensor = metadata.info(TENSOR).ok_or_else(|| format!("there is no tensor `{TENSOR}`"))?;
    if tensor.dtype != Dtype::F32 {
        return Err(format!("the numbers are {:?}, not F32", tensor.dtype));
    }
    let (from, to) = tensor.data_offsets;
    let data = header.checked_add(8).filter(|&data| data <= bytes.len());
    let place = data.and_then(|data| Some((data.checked_add(from)?, data.checked_add(to)?)));
    let (start, length) = place
        .filter(|&(start, end)| start <= end && end <= bytes.len())
        .map(|(start, end)| (start, end - start))
        .ok_or("the tensor lies outside the file")?;
    let model = metadata.metadata().as_ref().and_then(|texts| texts.get("model").cloned());
    Layout::checked(start, &tensor.shape, length, model)
}

/// <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>, versions 1 to 3.
fn npy(bytes: &[u8]) -> Result<Layout, String> {
    let cut = "the header is cut off";
    let (&version, rest) = bytes.get(6..).and_then(<[u8]>::split_first).ok_or(cut)?;
    let rest = rest.get(1..).ok_or(cut)?;
    let (length, first) = match version {
        1 => rest.first_chunk().map(|b| (usize::from(u16::from_le_bytes(*b)), 10)),
        2 | 3 => rest.first_chunk().map(|b| (u32::from_le_bytes(*b) as usize, 12)),
        _ => return Err(format!("version {version} of NumPy's format is not known")),
    }
    .ok_or(cut)?;
    if length > MAX_NPY_HEADER {
        return Err(format!("a header of {length} bytes is not one of a matrix"));
    }
    let start = first + length;
    let header = bytes.get(first..start).ok_or(cut)?;
    let header = std::str::from_utf8(header).map_err(|_| "the header is not text")?;
    let shape =
        Literal(header).shape().map_err(|problem| format!("{problem} in the header `{}`", header.trim()))?;
    Layout::checked(start, &shape, bytes.len() - start, None)
}

/// What is left of a header: a Python dictionary with three keys.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn shape(mut self) -> Result<Vec<usize>, String> {
        let (mut numbers, mut order, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.eat('}') {
            let key = self.text()?;
            self.expect(':')?;
            match key {
                "descr" => numbers = Some(self.text()?),
                "fortran_order" => order = Some(self.word()),
                "shape" => shape = Some(self.tuple()?),
                _ => return Err(format!("unknown key `{key}`")),
            }
            if !self.eat(',') {
                self.expect('}')?;
                break;
            }
        }
        if !self.0.trim().is_empty() {
            return Err("something after the end".to_owned());
        }
        match (numbers, order, shape) {
            (Some("<f4"), Some("False"), Some(shape)) => Ok(shape),
            (Some("<f4"), Some(_), Some(_)) => Err("columns first (save it in C order)".to_owned()),
            (Some(_), Some(_), Some(_)) => Err("numbers other than <f4 (save them as float32)".to_owned()),
            _ => Err("something is missing".to_owned()),
        }
    }

    fn eat(&mut self, c: char) -> bool {
        let rest = self.0.trim_start().strip_prefix(c);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        if self.eat(c) { Ok(()) } else { Err(format!("`{c}` is missing")) }
    }

    fn text(&mut self) -> Result<&'a str, String> {
        let quote = if self.eat('"') { '"' } else { '\'' };
        if quote == '\'' {
            self.expect(quote)?;
        }
        let (text, rest) = self.0.split_once(quote).ok_or("an open quotation")?;
        self.0 = rest;
        Ok(text)
    }

    fn word(&mut self) -> &'a str {
        let text = self.0.trim_start();
        let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        word
    }

    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        self.expect('(')?;
        let mut numbers = Vec::new();
        while !self.eat(')') {
            let word = self.word();
            numbers.push(word.parse().map_err(|_| format!("`{word}` for a number"))?);
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(numbers)
    }
}
