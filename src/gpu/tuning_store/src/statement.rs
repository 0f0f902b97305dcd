//! The statements of cubecl-environment 0.11.3 (`src/persistence/turso.rs`), known by their text.

use crate::{Error, Result};

/// What a statement asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statement {
    Create,
    Drop,
    MetaGet,
    MetaSet,
    Insert,
    Replace,
    Select,
    Scan,
    Purge,
    PurgeKey,
    Summary,
}

const INSERT: &str = "INSERT INTO entries (namespace, key, value, origin) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT(namespace, key) DO UPDATE SET value = excluded.value, origin = excluded.origin";

impl Statement {
    /// The statement that `sql` is, whatever its white space.
    pub fn of(sql: &str) -> Result<Self> {
        let words: Vec<&str> = sql.split_whitespace().collect();
        let text = words.join(" ");
        Ok(match text.as_str() {
            "CREATE TABLE IF NOT EXISTS meta ( k TEXT PRIMARY KEY, v TEXT NOT NULL )"
            | "CREATE TABLE IF NOT EXISTS entries ( namespace TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, \
               origin INTEGER NOT NULL, PRIMARY KEY (namespace, key) )" => Self::Create,
            "DROP TABLE IF EXISTS entries" => Self::Drop,
            "SELECT v FROM meta WHERE k = ?1" => Self::MetaGet,
            "INSERT INTO meta (k, v) VALUES (?1, ?2) ON CONFLICT(k) DO UPDATE SET v = excluded.v" => {
                Self::MetaSet
            }
            "SELECT value FROM entries WHERE namespace = ?1 AND key = ?2" => Self::Select,
            "SELECT key, value, origin FROM entries WHERE namespace = ?1" => Self::Scan,
            "DELETE FROM entries WHERE namespace = ?1" => Self::Purge,
            "DELETE FROM entries WHERE namespace = ?1 AND key = ?2" => Self::PurgeKey,
            "SELECT namespace, COUNT(*), SUM(length(key) + length(value)) FROM entries GROUP BY namespace \
             ORDER BY namespace" => Self::Summary,
            text => match text.strip_prefix(INSERT) {
                Some("") => Self::Replace,
                Some(" WHERE entries.origin = 1 AND excluded.origin = 0") => Self::Insert,
                _ => {
                    return Err(Error::Error(format!(
                        "the tuning store does not know the statement {text:?}"
                    )));
                }
            },
        })
    }
}
