//! Keeps the results of kernel tuning in one append-only file.
//!
//! `cubecl-environment` stores them through the crate `turso`, with a fixed set of SQL statements on two tables. This
//! crate has turso's interface as far as it is called and knows those statements by their text ([`Statement`]); any other
//! is an error, on which the caller keeps results in memory and logs why. So an upgrade of `cubecl-environment` can lose
//! kept results, never wrong ones; `tests/headless/tuning.rs` fails then.
//!
//! The whole file is in memory while it is open. A write is one record, appended under a lock on the file; several
//! processes may share it. A torn tail, from a kill or a full disk, is cut off when the file is next opened.

mod file;
mod rows;
mod statement;

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use file::{Entry, Record};
pub use rows::{FromValue, IntoParams, Row, Rows, Value};
use statement::Statement;

/// What went wrong.
#[derive(Debug, Clone)]
pub enum Error {
    /// Another process holds the file. Never made here: writers wait for each other.
    Busy(String),
    /// As [`Error::Busy`].
    BusySnapshot(String),
    /// The file could not be read or written, while doing what is named.
    IoError(std::io::ErrorKind, &'static str),
    /// A statement or a value that this store does not know.
    Error(String),
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(text) | Self::BusySnapshot(text) | Self::Error(text) => out.write_str(text),
            Self::IoError(kind, doing) => write!(out, "{doing}: {kind}"),
        }
    }
}

impl std::error::Error for Error {}

/// What a call gives.
pub type Result<T> = std::result::Result<T, Error>;

/// How a transaction takes the writer; here each statement is written by itself.
pub mod transaction {
    /// When the lock is taken.
    #[derive(Debug, Clone, Copy)]
    pub enum TransactionBehavior {
        /// At the first write.
        Deferred,
        /// At once.
        Immediate,
    }
}

/// Opens a file.
#[derive(Debug)]
pub struct Builder {
    path: PathBuf,
    read_only: bool,
}

impl Builder {
    /// The file at `path`.
    pub fn new_local(path: &str) -> Self {
        Self { path: PathBuf::from(path), read_only: false }
    }

    /// Several processes may always share the file.
    #[must_use]
    pub fn experimental_multiprocess_wal(self, _: bool) -> Self {
        self
    }

    /// There is nothing to compact.
    #[must_use]
    pub fn experimental_vacuum(self, _: bool) -> Self {
        self
    }

    /// Opens without the right to write.
    #[must_use]
    pub fn read_only(mut self, yes: bool) -> Self {
        self.read_only = yes;
        self
    }

    /// Reads the file; makes it where it is missing.
    pub fn build(self) -> Ready<Result<Database>> {
        ready(Database::open(&self.path, self.read_only))
    }
}

/// A file that is open.
#[derive(Debug, Clone)]
pub struct Database {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    file: file::Log,
    meta: BTreeMap<String, String>,
    entries: BTreeMap<(String, Vec<u8>), Entry>,
}

impl Database {
    fn open(path: &Path, read_only: bool) -> Result<Self> {
        let (file, records) = file::Log::open(path, read_only)?;
        let mut state = State { file, meta: BTreeMap::new(), entries: BTreeMap::new() };
        for record in records {
            state.apply(record);
        }
        Ok(Self { state: Arc::new(Mutex::new(state)) })
    }

    /// A handle for statements.
    pub fn connect(&self) -> Result<Connection> {
        Ok(Connection { state: self.state.clone() })
    }
}

impl State {
    /// Takes a record into memory; says whether it changed anything.
    fn apply(&mut self, record: Record) -> bool {
        match record {
            Record::Meta { key, value } => {
                self.meta.insert(key, value);
                true
            }
            Record::Insert { namespace, key, entry } => {
                // The caller's rule: what was measured here replaces what was imported, and nothing else is replaced.
                let slot = (namespace, key);
                match self.entries.get(&slot) {
                    Some(old) if !(old.origin == 1 && entry.origin == 0) => false,
                    _ => {
                        self.entries.insert(slot, entry);
                        true
                    }
                }
            }
            Record::Replace { namespace, key, entry } => {
                self.entries.insert((namespace, key), entry);
                true
            }
            Record::Delete { namespace, key } => self.entries.remove(&(namespace, key)).is_some(),
            Record::Purge { namespace } => {
                let before = self.entries.len();
                self.entries.retain(|(of, _), _| *of != namespace);
                self.entries.len() < before
            }
            Record::Clear => {
                self.entries.clear();
                true
            }
        }
    }

    /// Writes a record and takes it into memory; 1 when it changed anything.
    fn write(&mut self, record: Record) -> Result<u64> {
        if let Record::Insert { namespace, key, entry } = &record
            && let Some(old) = self.entries.get(&(namespace.clone(), key.clone()))
            && !(old.origin == 1 && entry.origin == 0)
        {
            return Ok(0);
        }
        self.file.append(&record)?;
        Ok(u64::from(self.apply(record)))
    }

    fn namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (&'a [u8], &'a Entry)> {
        let of = move |((name, key), entry): (&'a (String, Vec<u8>), &'a Entry)| {
            (name == namespace).then_some((key.as_slice(), entry))
        };
        self.entries.iter().filter_map(of)
    }
}

/// A handle for statements.
#[derive(Debug)]
pub struct Connection {
    state: Arc<Mutex<State>>,
}

impl Connection {
    /// A statement that answers with rows.
    pub fn query(&self, sql: impl AsRef<str>, params: impl IntoParams) -> Ready<Result<Rows>> {
        ready(self.rows(sql.as_ref(), params.into_params()))
    }

    /// A statement that changes something: how many rows.
    pub fn execute(&self, sql: impl AsRef<str>, params: impl IntoParams) -> Ready<Result<u64>> {
        ready(self.change(sql.as_ref(), params.into_params()))
    }

    /// Statements that belong together; each is written by itself, so a kill between them leaves the first.
    pub fn transaction_with_behavior(
        &mut self,
        _: transaction::TransactionBehavior,
    ) -> Ready<Result<Transaction<'_>>> {
        ready(Ok(Transaction { connection: self }))
    }

    /// Settings of an SQL engine: there are none.
    pub fn pragma_query<F>(&self, _: &str, _: F) -> impl Future<Output = Result<()>>
    where
        F: FnMut(&Row) -> Result<()>,
    {
        ready(Ok(()))
    }

    /// Writers wait for each other; a record is short.
    pub fn busy_timeout(&self, _: Duration) -> Result<()> {
        Ok(())
    }

    fn rows(&self, sql: &str, params: Vec<Value>) -> Result<Rows> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut params = params.into_iter();
        let rows: Vec<Vec<Value>> = match Statement::of(sql)? {
            Statement::MetaGet => {
                let key = rows::next_text(&mut params)?;
                state.meta.get(&key).map(|value| vec![Value::Text(value.clone())]).into_iter().collect()
            }
            Statement::Select => {
                let slot = (rows::next_text(&mut params)?, rows::next_bytes(&mut params)?);
                let found = state.entries.get(&slot);
                found.map(|entry| vec![Value::Blob(entry.value.clone())]).into_iter().collect()
            }
            Statement::Scan => {
                let namespace = rows::next_text(&mut params)?;
                let row = |(key, entry): (&[u8], &Entry)| {
                    vec![
                        Value::Blob(key.to_vec()),
                        Value::Blob(entry.value.clone()),
                        Value::Integer(entry.origin),
                    ]
                };
                state.namespace(&namespace).map(row).collect()
            }
            Statement::Summary => {
                let mut sums: BTreeMap<&str, (i64, usize)> = BTreeMap::new();
                for ((namespace, key), entry) in &state.entries {
                    let sum = sums.entry(namespace).or_default();
                    *sum = (sum.0 + 1, sum.1 + key.len() + entry.value.len());
                }
                let row = |(name, (count, bytes)): (&str, (i64, usize))| {
                    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
                    vec![Value::Text(name.to_owned()), Value::Integer(count), Value::Integer(bytes)]
                };
                sums.into_iter().map(row).collect()
            }
            other => return Err(Error::Error(format!("{other:?} answers with no rows"))),
        };
        Ok(Rows::new(rows))
    }

    fn change(&self, sql: &str, params: Vec<Value>) -> Result<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut params = params.into_iter();
        let record = match Statement::of(sql)? {
            Statement::Create => return Ok(0),
            // Of a new file; another process may have written to it meanwhile.
            Statement::Drop if state.entries.is_empty() => return Ok(0),
            Statement::Drop => Record::Clear,
            Statement::MetaSet => {
                Record::Meta { key: rows::next_text(&mut params)?, value: rows::next_text(&mut params)? }
            }
            statement @ (Statement::Insert | Statement::Replace) => {
                let (namespace, key) = (rows::next_text(&mut params)?, rows::next_bytes(&mut params)?);
                let entry =
                    Entry { value: rows::next_bytes(&mut params)?, origin: rows::next_integer(&mut params)? };
                if matches!(statement, Statement::Insert) {
                    Record::Insert { namespace, key, entry }
                } else {
                    Record::Replace { namespace, key, entry }
                }
            }
            Statement::PurgeKey => Record::Delete {
                namespace: rows::next_text(&mut params)?,
                key: rows::next_bytes(&mut params)?,
            },
            Statement::Purge => Record::Purge { namespace: rows::next_text(&mut params)? },
            other => return Err(Error::Error(format!("{other:?} changes nothing"))),
        };
        state.write(record)
    }
}

/// Statements that belong together.
#[derive(Debug)]
pub struct Transaction<'a> {
    connection: &'a Connection,
}

impl Transaction<'_> {
    /// All of them are written already.
    pub fn commit(self) -> Ready<Result<()>> {
        ready(Ok(()))
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}
