//! One table on its way into a file: rows are gathered, and written a group at a time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::run::{Failure, failed};

/// How many rows are gathered before they are written: what readers take at once, and what is held in memory.
const GROUP_ROWS: usize = 128 << 10;

/// One value.
#[derive(Clone, Debug)]
pub enum Cell {
    /// 64 bits: a moment, a count.
    Long(i64),
    /// 32 bits.
    Int(i32),
    /// A price or a quantity: a number with a scale, in 128 bits.
    Decimal(i128),
    /// A text.
    Text(ByteArray),
    /// Yes or no.
    Flag(bool),
}

enum Column {
    Long(Vec<i64>),
    Int(Vec<i32>),
    Decimal(Vec<i128>),
    Text(Vec<ByteArray>),
    Flag(Vec<bool>),
}

/// A table that is being written.
pub struct Table {
    /// The file once it is whole, and until then.
    path: PathBuf,
    part: PathBuf,
    writer: SerializedFileWriter<File>,
    columns: Vec<Column>,
    gathered: usize,
    /// How many rows it has.
    pub rows: u64,
}

impl Table {
    /// A new file in this folder. The schema is in Parquet's own words.
    ///
    /// # Errors
    /// [`Failure`] if there is one of this name, or it cannot be made.
    pub fn create(folder: &Path, name: &str, schema: &str) -> Result<Self, Failure> {
        let path = folder.join(format!("{name}.parquet"));
        if path.exists() {
            return Err(Failure(format!(
                "{} is there already; remove it, or name another folder with --out",
                path.display()
            )));
        }
        let part = folder.join(format!("{name}.parquet.part"));
        let file =
            File::create(&part).map_err(failed(format_args!("create {}", part.display())))?;
        let schema = parse_message_type(schema).expect("a schema of ours makes sense");
        let kind = |field: &Arc<parquet::schema::types::Type>| match field.get_physical_type() {
            parquet::basic::Type::INT64 => Column::Long(Vec::new()),
            parquet::basic::Type::INT32 => Column::Int(Vec::new()),
            parquet::basic::Type::BOOLEAN => Column::Flag(Vec::new()),
            parquet::basic::Type::FIXED_LEN_BYTE_ARRAY => Column::Decimal(Vec::new()),
            _ => Column::Text(Vec::new()),
        };
        let columns = schema.get_fields().iter().map(kind).collect();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(format!("rialto {}", env!("CARGO_PKG_VERSION")))
            .build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))
            .map_err(failed(format_args!("write {}", part.display())))?;
        Ok(Self { path, part, writer, columns, gathered: 0, rows: 0 })
    }

    /// Adds a row, a value for each column.
    ///
    /// # Errors
    /// [`Failure`] of the disk.
    pub fn push(&mut self, row: impl IntoIterator<Item = Cell>) -> Result<(), Failure> {
        let mut filled = 0;
        for (column, cell) in self.columns.iter_mut().zip(row) {
            match (column, cell) {
                (Column::Long(values), Cell::Long(value)) => values.push(value),
                (Column::Int(values), Cell::Int(value)) => values.push(value),
                (Column::Decimal(values), Cell::Decimal(value)) => values.push(value),
                (Column::Text(values), Cell::Text(value)) => values.push(value),
                (Column::Flag(values), Cell::Flag(value)) => values.push(value),
                _ => unreachable!("a row has the values that its schema says"),
            }
            filled += 1;
        }
        debug_assert_eq!(filled, self.columns.len(), "a row has a value for each column");
        self.gathered += 1;
        self.rows += 1;
        if self.gathered == GROUP_ROWS { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), Failure> {
        if self.gathered == 0 {
            return Ok(());
        }
        self.gathered = 0;
        write(&mut self.writer, &mut self.columns)
            .map_err(failed(format_args!("write {}", self.part.display())))
    }

    /// Ends the file, and gives it its name.
    ///
    /// # Errors
    /// [`Failure`] of the disk.
    pub fn finish(mut self) -> Result<u64, Failure> {
        self.write()?;
        let what = format!("write {}", self.path.display());
        self.writer.finish().map_err(failed(&what))?;
        self.writer.inner().sync_all().map_err(failed(&what))?;
        std::fs::rename(&self.part, &self.path).map_err(failed(&what))?;
        Ok(self.rows)
    }
}

fn write(
    writer: &mut SerializedFileWriter<File>,
    columns: &mut [Column],
) -> parquet::errors::Result<()> {
    let mut group = writer.next_row_group()?;
    for column in columns {
        let mut out = group.next_column()?.expect("as many columns as the schema has");
        match column {
            Column::Long(values) => {
                out.typed::<Int64Type>().write_batch(values, None, None)?;
                values.clear();
            }
            Column::Int(values) => {
                out.typed::<Int32Type>().write_batch(values, None, None)?;
                values.clear();
            }
            Column::Decimal(values) => {
                // All in one piece of memory, of which each value is a part.
                let bytes =
                    values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<u8>>();
                let bytes = ByteArray::from(bytes);
                let value = |at: usize| FixedLenByteArray::from(bytes.slice(at * 16, 16));
                let all: Vec<_> = (0..values.len()).map(value).collect();
                out.typed::<FixedLenByteArrayType>().write_batch(&all, None, None)?;
                values.clear();
            }
            Column::Text(values) => {
                out.typed::<ByteArrayType>().write_batch(values, None, None)?;
                values.clear();
            }
            Column::Flag(values) => {
                out.typed::<BoolType>().write_batch(values, None, None)?;
                values.clear();
            }
        }
        out.close()?;
    }
    group.close()?;
    Ok(())
}
