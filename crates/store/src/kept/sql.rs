//! What the store asks of a database: statements with values in, rows of cells out.
//!
//! Not an abstraction over databases: the few statements that the store says are written so that SQLite and PostgreSQL
//! both take them, with `$1`, `$2` … in the order in which they stand. What differs is in their folders.

use crate::StoreError;

/// One who takes statements, within a transaction.
pub trait Sql {
    /// Changes something; how many rows.
    ///
    /// # Errors
    /// [`StoreError`] if the database does not take it, or cannot be reached.
    fn change(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError>;
    /// Asks, or changes and asks.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError>;
}

/// What is given to a statement.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// What stands in a row.
#[derive(Debug)]
pub enum Cell {
    /// Nothing.
    Null,
    /// Yes or no, where the database has that.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A row, which is taken cell by cell, from the left.
#[derive(Debug)]
pub struct Row(std::vec::IntoIter<Cell>);

impl Row {
    /// Of these cells.
    pub fn of(cells: Vec<Cell>) -> Self {
        Self(cells.into_iter())
    }
    /// The next cell.
    ///
    /// # Errors
    /// [`StoreError::Database`] if what stands there is nothing of the kind.
    pub fn take<T: Held>(&mut self) -> Result<T, StoreError> {
        let cell = self.0.next().unwrap_or(Cell::Null);
        T::of(cell).ok_or_else(|| {
            StoreError::Database("a row holds what this program never writes".to_owned())
        })
    }
}

/// The one row that a statement gives.
///
/// # Errors
/// [`StoreError`] if the statement fails, or gives none.
pub fn one(sql: &mut dyn Sql, text: &str, values: &[Value<'_>]) -> Result<Row, StoreError> {
    let row = sql.rows(text, values)?.into_iter().next();
    row.ok_or_else(|| StoreError::Database("a row that is always there is not there".to_owned()))
}

/// What can be held in a cell.
pub trait Held: Sized {
    /// What this cell holds; `None` if it holds something else.
    fn of(cell: Cell) -> Option<Self>;
}

impl Held for i64 {
    fn of(cell: Cell) -> Option<Self> {
        if let Cell::Number(number) = cell { Some(number) } else { None }
    }
}

impl Held for u32 {
    fn of(cell: Cell) -> Option<Self> {
        i64::of(cell)?.try_into().ok()
    }
}

/// Numbers of changes and credentials, which are never below 0.
impl Held for u64 {
    fn of(cell: Cell) -> Option<Self> {
        i64::of(cell)?.try_into().ok()
    }
}

impl Held for bool {
    fn of(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Flag(flag) => Some(flag),
            Cell::Number(0) => Some(false),
            Cell::Number(1) => Some(true),
            _ => None,
        }
    }
}

impl Held for String {
    fn of(cell: Cell) -> Option<Self> {
        if let Cell::Text(text) = cell { Some(text) } else { None }
    }
}

impl Held for Vec<u8> {
    fn of(cell: Cell) -> Option<Self> {
        if let Cell::Bytes(bytes) = cell { Some(bytes) } else { None }
    }
}

impl Held for [u8; 32] {
    fn of(cell: Cell) -> Option<Self> {
        Vec::of(cell)?.try_into().ok()
    }
}

impl Held for [u8; 16] {
    fn of(cell: Cell) -> Option<Self> {
        Vec::of(cell)?.try_into().ok()
    }
}

impl<T: Held> Held for Option<T> {
    fn of(cell: Cell) -> Option<Self> {
        if let Cell::Null = cell { Some(None) } else { T::of(cell).map(Some) }
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

/// Numbers of changes and credentials, of which no database counts more than an [`i64`] holds.
impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
