//! `AnnData` files as anndata 0.8 and later writes them.

use std::collections::{BTreeSet, HashSet};

use hdf5_pure::{
    AttrValue, DatasetBuilder, EnumTypeBuilder, Error, FileBuilder, FinishedGroup, GroupBuilder, make_i8_type,
};

use super::{Cells, Column, H5adError, damaged};

/// Name of the column that names rows, and of the index of `obs`.
const INDEX: &str = "row_id";

/// The numbers of a matrix, `[row, feature]`.
#[derive(Debug, Clone, Copy)]
pub enum Matrix<'a> {
    /// Of 32 bits.
    Single(&'a [f32]),
    /// Of 64 bits.
    Double(&'a [f64]),
}

/// Something that is known of the numbers.
#[derive(Debug, Clone, Copy)]
pub enum Fact<'a> {
    /// A text.
    Text(&'a str),
    /// True or false.
    Flag(bool),
}

/// What is written.
#[derive(Debug)]
pub struct Content<'a> {
    /// Names of the rows.
    pub rows: &'a [String],
    /// What belongs to them.
    pub columns: Vec<Column>,
    /// Names of the matrix's columns.
    pub features: &'a [String],
    /// The matrix.
    pub values: Matrix<'a>,
    /// What is known of it, by name: `uns["molclip"]`.
    pub about: &'a [(&'a str, Fact<'a>)],
}

/// Makes a file. Names that HDF5 cannot hold lose their slashes; columns of one name are numbered.
///
/// # Errors
/// The numbers do not fit the names, or a name or column is longer than HDF5 can hold.
pub fn write(content: &Content<'_>) -> Result<Vec<u8>, H5adError> {
    let Content { rows, columns, features, values, about } = content;
    let len = match values {
        Matrix::Single(values) => values.len(),
        Matrix::Double(values) => values.len(),
    };
    if rows.len().checked_mul(features.len()) != Some(len) {
        return Err(damaged("X", format!("{len} numbers are no {} × {}", rows.len(), features.len())));
    }
    if let Some(column) = columns.iter().find(|column| column.cells.len() != rows.len()) {
        return Err(damaged(&column.name, format!("{} cells for {} rows", column.cells.len(), rows.len())));
    }
    let failed = |e: Error| damaged("the file", e.to_string());
    let mut file = FileBuilder::new();
    file.set_attr("encoding-type", text("anndata"));
    file.set_attr("encoding-version", text("0.1.0"));
    let x = file.create_dataset("X");
    match values {
        Matrix::Single(values) => x.with_f32_data(values),
        Matrix::Double(values) => x.with_f64_data(values),
    };
    x.with_shape(&[rows.len() as u64, features.len() as u64]);
    encoded(x, "array", "0.2.0");
    let obs = frame(file.create_group("obs"), INDEX, rows, columns).map_err(failed)?;
    file.add_group(obs);
    let var = frame(file.create_group("var"), "_index", features, &[]).map_err(failed)?;
    file.add_group(var);
    let mut uns = dictionary(file.create_group("uns"));
    let mut own = dictionary(uns.create_group("molclip"));
    for (name, fact) in *about {
        let scalar = own.create_dataset(name);
        match fact {
            Fact::Text(value) => {
                encoded(scalar.with_vlen_strings(&[value]).with_shape(&[]), "string", "0.2.0");
            }
            Fact::Flag(value) => {
                let flag = flags(scalar, &[*value]).map_err(failed)?.with_shape(&[]);
                encoded(flag, "numeric-scalar", "0.2.0");
            }
        }
    }
    uns.add_group(own.finish());
    file.add_group(uns.finish());
    file.finish().map_err(failed)
}

fn text(value: &str) -> AttrValue {
    AttrValue::VarLenString(value.to_owned())
}

fn encoded(dataset: &mut DatasetBuilder, encoding: &str, version: &str) {
    dataset.set_attr("encoding-type", text(encoding)).set_attr("encoding-version", text(version));
}

fn dictionary(mut group: GroupBuilder) -> GroupBuilder {
    group.set_attr("encoding-type", text("dict"));
    group.set_attr("encoding-version", text("0.1.0"));
    group
}

fn frame(
    mut group: GroupBuilder,
    index: &str,
    names: &[String],
    columns: &[Column],
) -> Result<FinishedGroup, Error> {
    group.set_attr("encoding-type", text("dataframe"));
    group.set_attr("encoding-version", text("0.2.0"));
    group.set_attr("_index", text(index));
    let mut taken = HashSet::from([index.to_owned()]);
    let mut order = Vec::with_capacity(columns.len());
    strings(group.create_dataset(index), names.iter().map(String::as_str));
    for Column { name, cells } in columns {
        let plain = link(name);
        let mut own = plain.clone();
        let mut copy = 1;
        while !taken.insert(own.clone()) {
            copy += 1;
            own = format!("{plain} ({copy})");
        }
        column(&mut group, &own, cells)?;
        order.push(own);
    }
    group.set_attr("column-order", AttrValue::VarLenStringArray(order));
    Ok(group.finish())
}

/// A name that a part of a group can have.
fn link(name: &str) -> String {
    match name {
        "" | "." | ".." => "_".to_owned(),
        name => name.replace(['/', '\0'], "_"),
    }
}

fn strings<'a>(dataset: &mut DatasetBuilder, texts: impl Iterator<Item = &'a str>) {
    let texts: Vec<&str> = texts.collect();
    encoded(dataset.with_vlen_strings(&texts), "string-array", "0.2.0");
}

fn flags<'a>(dataset: &'a mut DatasetBuilder, values: &[bool]) -> Result<&'a mut DatasetBuilder, Error> {
    let of = EnumTypeBuilder::with_base(make_i8_type()).value("FALSE", 0).value("TRUE", 1).build()?;
    Ok(dataset.with_raw_data(of, values.iter().map(|value| u8::from(*value)).collect(), values.len() as u64))
}

/// An array of flags.
fn array_of_flags(dataset: &mut DatasetBuilder, values: &[bool]) -> Result<(), Error> {
    encoded(flags(dataset, values)?, "array", "0.2.0");
    Ok(())
}

fn column(group: &mut GroupBuilder, name: &str, cells: &Cells) -> Result<(), Error> {
    match cells {
        Cells::Texts(cells) if cells.iter().all(Option::is_some) => {
            strings(group.create_dataset(name), cells.iter().flatten().map(String::as_str));
        }
        // Only a category can be missing in what every anndata reads.
        Cells::Texts(cells) => {
            let texts: BTreeSet<&str> = cells.iter().flatten().map(String::as_str).collect();
            let texts: Vec<&str> = texts.into_iter().collect();
            let place = |text: &str| texts.binary_search(&text).ok().map(|place| place as i32);
            let codes: Vec<i32> =
                cells.iter().map(|cell| cell.as_deref().and_then(place).unwrap_or(-1)).collect();
            categorical(group, name, &codes, &texts);
        }
        Cells::Coded { codes, texts } => {
            let codes: Vec<i32> = codes.iter().map(|code| code.map_or(-1, |code| code as i32)).collect();
            categorical(group, name, &codes, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        }
        Cells::Numbers(cells) => encoded(group.create_dataset(name).with_f64_data(cells), "array", "0.2.0"),
        Cells::Integers(cells) => {
            let values: Vec<i64> = cells.iter().map(|cell| cell.unwrap_or_default()).collect();
            if cells.iter().all(Option::is_some) {
                encoded(group.create_dataset(name).with_i64_data(&values), "array", "0.2.0");
            } else {
                let mut part = nullable(group, name, "nullable-integer", cells.iter().map(Option::is_none))?;
                encoded(part.create_dataset("values").with_i64_data(&values), "array", "0.2.0");
                group.add_group(part.finish());
            }
        }
        Cells::Flags(cells) => {
            let values: Vec<bool> = cells.iter().map(|cell| cell.unwrap_or_default()).collect();
            if cells.iter().all(Option::is_some) {
                array_of_flags(group.create_dataset(name), &values)?;
            } else {
                let mut part = nullable(group, name, "nullable-boolean", cells.iter().map(Option::is_none))?;
                array_of_flags(part.create_dataset("values"), &values)?;
                group.add_group(part.finish());
            }
        }
    }
    Ok(())
}

/// The mask of a column in which values are missing.
fn nullable(
    group: &mut GroupBuilder,
    name: &str,
    encoding: &str,
    is_missing: impl Iterator<Item = bool>,
) -> Result<GroupBuilder, Error> {
    let mut part = group.create_group(name);
    part.set_attr("encoding-type", text(encoding));
    part.set_attr("encoding-version", text("0.1.0"));
    array_of_flags(part.create_dataset("mask"), &is_missing.collect::<Vec<_>>())?;
    Ok(part)
}

fn categorical(group: &mut GroupBuilder, name: &str, codes: &[i32], texts: &[&str]) {
    let mut part = group.create_group(name);
    part.set_attr("encoding-type", text("categorical"));
    part.set_attr("encoding-version", text("0.2.0"));
    part.set_attr("ordered", AttrValue::U8(0));
    encoded(part.create_dataset("codes").with_i32_data(codes), "array", "0.2.0");
    strings(part.create_dataset("categories"), texts.iter().copied());
    group.add_group(part.finish());
}
