//! Values in and out of statements.

use std::future::{Ready, ready};

use crate::{Error, Result};

/// A value of a column.
#[derive(Debug, Clone)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// The values of a statement's `?1`, `?2` …
pub trait IntoParams {
    /// In their order.
    fn into_params(self) -> Vec<Value>;
}

impl IntoParams for () {
    fn into_params(self) -> Vec<Value> {
        Vec::new()
    }
}

impl<A: Into<Value>> IntoParams for (A,) {
    fn into_params(self) -> Vec<Value> {
        vec![self.0.into()]
    }
}

impl<A: Into<Value>, B: Into<Value>> IntoParams for (A, B) {
    fn into_params(self) -> Vec<Value> {
        vec![self.0.into(), self.1.into()]
    }
}

impl<A: Into<Value>, B: Into<Value>, C: Into<Value>> IntoParams for (A, B, C) {
    fn into_params(self) -> Vec<Value> {
        vec![self.0.into(), self.1.into(), self.2.into()]
    }
}

impl<A: Into<Value>, B: Into<Value>, C: Into<Value>, D: Into<Value>> IntoParams for (A, B, C, D) {
    fn into_params(self) -> Vec<Value> {
        vec![self.0.into(), self.1.into(), self.2.into(), self.3.into()]
    }
}

/// A type that a value can be read as.
pub trait FromValue: Sized {
    /// The value, or none where it is of another type.
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Blob(bytes) = value { Some(bytes.clone()) } else { None }
    }
}

impl FromValue for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Integer(number) = value { Some(*number) } else { None }
    }
}

/// The answer to a statement.
#[derive(Debug)]
pub struct Rows(std::vec::IntoIter<Vec<Value>>);

impl Rows {
    pub(crate) fn new(rows: Vec<Vec<Value>>) -> Self {
        Self(rows.into_iter())
    }

    /// The next row; none after the last.
    #[expect(clippy::should_implement_trait, reason = "the name that turso has")]
    pub fn next(&mut self) -> Ready<Result<Option<Row>>> {
        ready(Ok(self.0.next().map(Row)))
    }
}

/// A row of an answer.
#[derive(Debug)]
pub struct Row(Vec<Value>);

impl Row {
    /// The value in column `index`, from 0.
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T> {
        let value = self.0.get(index).and_then(T::from_value);
        value.ok_or_else(|| Error::Error(format!("column {index} is missing or of another type")))
    }
}

fn next<T: FromValue>(params: &mut impl Iterator<Item = Value>) -> Result<T> {
    let value = params.next().as_ref().and_then(T::from_value);
    value.ok_or_else(|| Error::Error("a statement's value is missing or of another type".to_owned()))
}

pub(crate) fn next_text(params: &mut impl Iterator<Item = Value>) -> Result<String> {
    next(params)
}

pub(crate) fn next_bytes(params: &mut impl Iterator<Item = Value>) -> Result<Vec<u8>> {
    next(params)
}

pub(crate) fn next_integer(params: &mut impl Iterator<Item = Value>) -> Result<i64> {
    next(params)
}
