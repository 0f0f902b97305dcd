//! The matrix of an `AnnData` file, dense or compressed.

use hdf5_pure::{AttrValue, DType, Dataset, Group};

use super::{Bounds, H5adError, check as check_shape, damaged, datasets, group, shape, too_large};

/// Values of a sparse matrix that are read at once; more where a chunk has more, for it would be unpacked again for each part.
const WINDOW: u64 = 1 << 18;

/// How a sparse matrix is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Along {
    Rows,
    Columns,
}

/// Refuses a matrix of another shape than the names have, of no numbers, or larger than may be held.
pub(super) fn check(root: &Group, (rows, columns): (usize, usize), bounds: &Bounds) -> Result<(), H5adError> {
    if rows.checked_mul(columns).is_none_or(|numbers| numbers > bounds.numbers) {
        return Err(too_large("X", format!("{rows} × {columns} numbers")));
    }
    if datasets(root, "X")?.iter().any(|name| name == "X") {
        let dense = dataset(root, "X", "X")?;
        check_shape(&dense, "X", &[rows, columns])?;
        return numeric(&dense, "X");
    }
    let sparse = Sparse::of(root, (rows, columns))?;
    if sparse.len > bounds.numbers as u64 {
        return Err(too_large("X/data", format!("{} numbers", sparse.len)));
    }
    Ok(())
}

/// Reads a matrix that was checked, `[row, column]`.
pub(super) fn read(root: &Group, (rows, columns): (usize, usize)) -> Result<Vec<f64>, H5adError> {
    if datasets(root, "X")?.iter().any(|name| name == "X") {
        let dense = dataset(root, "X", "X")?;
        let values = dense.read_f64().map_err(|e| damaged("X", e.to_string()))?;
        if values.len() != rows * columns {
            return Err(damaged("X", format!("it has {} numbers, not {rows} × {columns}", values.len())));
        }
        return Ok(values);
    }
    Sparse::of(root, (rows, columns))?.dense(rows, columns)
}

fn dataset(parent: &Group, name: &str, place: &str) -> Result<Dataset, H5adError> {
    parent.dataset(name).map_err(|e| damaged(place, e.to_string()))
}

fn numeric(dataset: &Dataset, place: &str) -> Result<(), H5adError> {
    match dataset.dtype().map_err(|e| damaged(place, e.to_string()))? {
        DType::F32 | DType::F64 => Ok(()),
        dtype if is_whole(&dtype) => Ok(()),
        DType::String | DType::VariableLengthString => Err(damaged(place, "it holds text, no numbers")),
        other => {
            let what: String = other.to_string().chars().take(80).collect();
            Err(damaged(place, format!("it holds {what}; numbers of 32 or 64 bits are read")))
        }
    }
}

const fn is_whole(dtype: &DType) -> bool {
    matches!(
        dtype,
        DType::I8 | DType::I16 | DType::I32 | DType::I64 | DType::U8 | DType::U16 | DType::U32 | DType::U64
    )
}

/// A compressed matrix: the values of one row (or column) after the other, the place of each in it, and where each begins.
struct Sparse {
    along: Along,
    data: Dataset,
    indices: Dataset,
    starts: Dataset,
    /// Values that are stored.
    len: u64,
}

impl Sparse {
    fn of(root: &Group, (rows, columns): (usize, usize)) -> Result<Self, H5adError> {
        let x = group(root, "X")?;
        let attributes = x.attrs().map_err(|e| damaged("X", e.to_string()))?;
        let attribute = |names: [&str; 2]| names.iter().find_map(|name| attributes.get(*name));
        let encoding = attribute(["encoding-type", "h5sparse_format"]).and_then(AttrValue::as_str);
        let along = match encoding {
            Some("csr_matrix" | "csr") => Along::Rows,
            Some("csc_matrix" | "csc") => Along::Columns,
            Some(other) => {
                let what: String = other.chars().take(80).collect();
                return Err(damaged(
                    "X",
                    format!("it is encoded as {what}; arrays and CSR and CSC matrices are read"),
                ));
            }
            None => return Err(damaged("X", "it does not say how it is encoded")),
        };
        let declared = attribute(["shape", "h5sparse_shape"]).and_then(AttrValue::to_u64s);
        if declared.as_deref() != Some(&[rows as u64, columns as u64]) {
            let declared =
                declared.map_or_else(|| "no shape".to_owned(), |shape| format!("the shape {shape:?}"));
            let problem = format!("it declares {declared}, the names {rows} rows and {columns} columns");
            return Err(damaged("X", problem));
        }
        let [data, indices, starts] =
            ["data", "indices", "indptr"].map(|name| dataset(&x, name, &format!("X/{name}")));
        let sparse = Self { along, data: data?, indices: indices?, starts: starts?, len: 0 };
        let &[len] = shape(&sparse.data, "X/data")?.as_slice() else {
            return Err(damaged("X/data", "it is no list"));
        };
        let major = if along == Along::Rows { rows } else { columns };
        check_shape(&sparse.data, "X/data", &[len as usize])?;
        check_shape(&sparse.indices, "X/indices", &[len as usize])?;
        check_shape(&sparse.starts, "X/indptr", &[major + 1])?;
        numeric(&sparse.data, "X/data")?;
        for (part, place) in [(&sparse.indices, "X/indices"), (&sparse.starts, "X/indptr")] {
            let dtype = part.dtype().map_err(|e| damaged(place, e.to_string()))?;
            if !is_whole(&dtype) {
                return Err(damaged(place, "it holds no whole numbers"));
            }
        }
        Ok(Self { len, ..sparse })
    }

    /// All values, `[row, column]`. Where one stands twice, both are added, as `SciPy` does.
    fn dense(&self, rows: usize, columns: usize) -> Result<Vec<f64>, H5adError> {
        let failed = |place: &'static str| move |e: hdf5_pure::Error| damaged(place, e.to_string());
        let starts = self.starts.read_i64().map_err(failed("X/indptr"))?;
        let ascends = starts.windows(2).all(|pair| pair[0] <= pair[1]);
        if !ascends || starts.first() != Some(&0) || starts.last() != Some(&(self.len as i64)) {
            let problem = format!("it does not ascend from 0 to {}, the number of values", self.len);
            return Err(damaged("X/indptr", problem));
        }
        let minor = if self.along == Along::Rows { columns } else { rows };
        let mut values = vec![0.0; rows * columns];
        let mut major = 0;
        let mut from = 0;
        let mut window = WINDOW;
        for (part, place) in [(&self.data, "X/data"), (&self.indices, "X/indices")] {
            let chunk = part.chunk_shape().map_err(failed(place))?.unwrap_or_default();
            window = window.max(chunk.first().copied().unwrap_or_default());
        }
        while from < self.len {
            let count = window.min(self.len - from);
            let data = self.data.read_f64_rows(from, count).map_err(failed("X/data"))?;
            let indices = self.indices.read_i64_rows(from, count).map_err(failed("X/indices"))?;
            if data.len() as u64 != count || indices.len() as u64 != count {
                return Err(damaged("X/data", "it ends early"));
            }
            for ((value, index), at) in data.iter().zip(&indices).zip(from as i64..) {
                while starts.get(major + 1).is_some_and(|end| *end <= at) {
                    major += 1;
                }
                let index = usize::try_from(*index).ok().filter(|index| *index < minor);
                let Some(index) = index else {
                    return Err(damaged("X/indices", format!("value {at} lies outside the matrix")));
                };
                let place = match self.along {
                    Along::Rows => major * columns + index,
                    Along::Columns => index * columns + major,
                };
                if let Some(cell) = values.get_mut(place) {
                    *cell += value;
                }
            }
            from += count;
        }
        Ok(values)
    }
}
