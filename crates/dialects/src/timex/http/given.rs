//! What a request says besides its path: members of a payload, parameters of a query, and rows of a body, all the same
//! once they are read. Numbers stay text until an instrument's scale is known. Section B6.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use model::decimal::parse_units;
use model::{Sort, Time};
use serde_json::value::RawValue;

use crate::http::HttpRequest;
use crate::iso::read_moment;
use crate::json::{Kind, text};
use crate::timex::Markets;
use crate::timex::convert::Market;
use crate::timex::wire::refusal::{Code, Refusal};

/// How many orders a batch may have. Section B9.
pub const BATCH_MAX: usize = 100;
/// How many parameters of a query are read: a batch of orders with all that one may have.
const PARAMETERS_MAX: usize = 1_024;
/// How many items a page has if nobody says, and at most.
const PAGE_SIZE: usize = 100;
const PAGE_SIZE_MAX: usize = 1_000;
/// The last page that can be asked for.
const PAGES_MAX: usize = 1_000_000;

/// What is given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// By name, in the order in which it came; an absent value where a list has `null`.
    members: BTreeMap<String, Vec<Option<String>>>,
    /// The rows of a body.
    body: Option<Vec<Self>>,
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// So many are left out.
    pub offset: usize,
    /// So many are shown at most.
    pub limit: usize,
}

impl Page {
    /// So many items there must be for the page to be full.
    pub const fn end(self) -> usize {
        self.offset + self.limit
    }
    /// The items of the page.
    pub fn of<T>(self, items: impl IntoIterator<Item = T>) -> Vec<T> {
        items.into_iter().skip(self.offset).take(self.limit).collect()
    }
}

impl Given {
    /// That of a socket's request; nothing if there is no payload.
    pub fn of_payload(payload: Option<&RawValue>) -> Result<Self, Refusal> {
        let payload = payload.filter(|payload| Kind::of(payload) != Kind::Null);
        payload.map_or_else(|| Ok(Self::default()), |it| Self::of_object(it, "payload", true))
    }

    /// That of a request over HTTP: its query, and the form or the rows in its body.
    pub fn of_http(request: &HttpRequest<'_>) -> Result<Self, Refusal> {
        let mut given = Self::default();
        given.add_query(request.query.unwrap_or(""));
        let kind = request.header("content-type").unwrap_or("");
        let body = std::str::from_utf8(request.body).map_err(|_| Refusal::invalid("body"))?;
        if kind.starts_with("application/x-www-form-urlencoded") {
            given.add_query(body);
        } else if !body.trim().is_empty() {
            let rows: &RawValue =
                serde_json::from_str(body.trim()).map_err(|_| Refusal::invalid("body"))?;
            given.body = Some(Self::rows_of(rows)?);
        }
        Ok(given)
    }

    fn add_query(&mut self, query: &str) {
        let parts = query.split('&').filter(|part| !part.is_empty()).take(PARAMETERS_MAX);
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = decoded(name).trim_end_matches("[]").to_owned();
            self.members.entry(name).or_default().push(Some(decoded(value)));
        }
    }

    /// Objects stand in the outermost one alone, as its rows and its page: however deep a stranger nests them, nothing is
    /// read more than twice.
    fn of_object(object: &RawValue, name: &str, is_outermost: bool) -> Result<Self, Refusal> {
        let members: BTreeMap<Cow<'_, str>, &RawValue> =
            serde_json::from_str(object.get()).map_err(|_| Refusal::invalid(name))?;
        let mut given = Self::default();
        for (name, value) in members {
            match (&*name, Kind::of(value)) {
                ("body", Kind::Array) if is_outermost => given.body = Some(Self::rows_of(value)?),
                ("pageable", Kind::Object) if is_outermost => {
                    let pageable = Self::of_object(value, &name, false)?;
                    given.members.extend(pageable.members);
                }
                (_, Kind::Null) => {}
                (_, Kind::Array) => {
                    let items = items(value).ok_or_else(|| Refusal::invalid(&name))?;
                    let read = |item| scalar(item, &name);
                    let items = items.into_iter().map(read).collect::<Result<_, _>>()?;
                    given.members.insert(name.into_owned(), items);
                }
                _ => {
                    let item = scalar(value, &name)?;
                    given.members.insert(name.into_owned(), vec![item]);
                }
            }
        }
        Ok(given)
    }

    fn rows_of(rows: &RawValue) -> Result<Vec<Self>, Refusal> {
        let rows = items(rows).ok_or_else(|| Refusal::invalid("body"))?;
        if rows.len() > BATCH_MAX {
            return Err(too_many());
        }
        rows.into_iter().map(|row| Self::of_object(row, "body", false)).collect()
    }

    /// The rows of a body, of which there must be one at least.
    pub fn body(self) -> Result<Vec<Self>, Refusal> {
        let rows = self.body.filter(|rows| !rows.is_empty());
        rows.ok_or_else(|| Refusal::required("body"))
    }

    /// The rows that parallel lists of these names make; there must be one of the first name at least, and where there
    /// is any of another name there must be as many.
    pub fn rows(mut self, names: &[&str]) -> Result<Vec<Self>, Refusal> {
        let count = names.iter().filter_map(|name| self.members.get(*name)).map(Vec::len).max();
        let count = count.filter(|count| *count > 0).ok_or_else(|| Refusal::required(names[0]))?;
        if count > BATCH_MAX {
            return Err(too_many());
        }
        let mut rows: Vec<Self> = Vec::new();
        rows.resize_with(count, Self::default);
        for name in names {
            let Some(values) = self.members.remove(*name) else { continue };
            if values.len() != count {
                return Err(Refusal::invalid(name));
            }
            for (row, value) in rows.iter_mut().zip(values) {
                row.members.insert((*name).to_owned(), vec![value]);
            }
        }
        Ok(rows)
    }

    /// What is given by this name, if anything is; a text without letters is nothing.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.members.get(name).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([value]) => Ok(value.as_deref().filter(|value| !value.is_empty())),
            Some(_) => Err(Refusal::invalid(name)),
        }
    }
    /// What must be given by this name.
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.one(name)?.ok_or_else(|| Refusal::required(name))
    }
    /// All that is given by this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.members.get(name).into_iter().flatten();
        values.filter_map(|value| value.as_deref()).filter(|value| !value.is_empty())
    }

    /// The market that is given by this name, if one is.
    pub fn market<'m>(
        &self,
        name: &str,
        markets: &'m Markets,
    ) -> Result<Option<&'m Arc<Market>>, Refusal> {
        self.one(name)?.map(|symbol| market(symbol, markets)).transpose()
    }
    /// The market that must be given by this name.
    pub fn required_market<'m>(
        &self,
        name: &str,
        markets: &'m Markets,
    ) -> Result<&'m Arc<Market>, Refusal> {
        market(self.required(name)?, markets)
    }

    /// The moment that is given by this name, if one is; without a zone it is UTC.
    pub fn moment(&self, name: &str) -> Result<Option<Time>, Refusal> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        // In a query a plus is a blank, unless it was written as one should; no moment has a blank.
        let text = text.replace(' ', "+");
        let moment = read_moment(&text).or_else(|| read_moment(&format!("{text}Z")));
        moment.map(Some).ok_or_else(|| Refusal::invalid(name))
    }

    /// The positive number that is given by this name, if one is.
    pub fn count(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        let count = text.parse().ok().filter(|count| *count > 0);
        count.map(Some).ok_or_else(|| Refusal::invalid(name))
    }

    /// The page that is asked for. Pages are counted from 0; a larger one than there is room for is cut.
    pub fn page(&self) -> Result<Page, Refusal> {
        let page = match self.one("page")? {
            None => 0,
            Some(text) => {
                let page = text.parse().ok().filter(|page| *page <= PAGES_MAX);
                page.ok_or_else(|| Refusal::invalid("page"))?
            }
        };
        let limit = self.count("size")?.unwrap_or(PAGE_SIZE).min(PAGE_SIZE_MAX);
        Ok(Page { offset: page * limit, limit })
    }

    /// Which come first: `createdAt,asc` where they are sorted by `createdAt`; the newest if nobody says.
    pub fn sort(&self, by: &str) -> Result<Sort, Refusal> {
        let Some(text) = self.one("sort")? else { return Ok(Sort::NewestFirst) };
        let (field, direction) = text.split_once(',').unwrap_or((text, "asc"));
        match direction.to_ascii_lowercase().as_str() {
            "asc" if field == by => Ok(Sort::OldestFirst),
            "desc" if field == by => Ok(Sort::NewestFirst),
            _ => Err(Refusal::invalid("sort")),
        }
    }
}

fn too_many() -> Refusal {
    Refusal::new(Code::BadRequest, format!("Too many orders, at most {BATCH_MAX}"))
}

/// The market of a symbol. Section B10, row 13.
pub fn market<'m>(symbol: &str, markets: &'m Markets) -> Result<&'m Arc<Market>, Refusal> {
    upper(symbol)?;
    markets.called(symbol).ok_or_else(|| Refusal::market_not_found(symbol))
}

/// Refuses a symbol that is not in upper case.
pub fn upper(symbol: &str) -> Result<(), Refusal> {
    match symbol.chars().any(char::is_lowercase) {
        true => Err(Refusal::not_upper(symbol)),
        false => Ok(()),
    }
}

/// A decimal counted in `10^-decimals`: exactly, or not at all. It may have an exponent, as numbers of JSON may.
pub fn units(text: &str, decimals: u8) -> Option<i64> {
    /// What is beyond is no price or quantity of anything.
    const EXPONENT_MAX: usize = 30;
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return parse_units(text.as_bytes(), decimals).ok();
    };
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let zeros = usize::try_from(exponent.unsigned_abs()).ok().filter(|it| *it <= EXPONENT_MAX)?;
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|it| it.is_ascii_digit()) {
        return None;
    }
    let zeros = "0".repeat(zeros);
    let shifted = if exponent < 0 {
        let whole = format!("{zeros}{whole}");
        let (whole, moved) = whole.split_at(whole.len() - zeros.len());
        format!("{sign}{whole}.{moved}{fraction}0")
    } else {
        let fraction = format!("{fraction}{zeros}");
        let (moved, fraction) = fraction.split_at(zeros.len());
        format!("{sign}{whole}{moved}.{fraction}0")
    };
    parse_units(shifted.as_bytes(), decimals).ok()
}

/// The items of a list.
fn items(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// A text, a number or a truth value as text; nothing if it is null.
fn scalar(value: &RawValue, name: &str) -> Result<Option<String>, Refusal> {
    match Kind::of(value) {
        Kind::Null => Ok(None),
        Kind::Text => {
            let text = text(value).ok_or_else(|| Refusal::invalid(name))?;
            Ok(Some(text.into_owned()))
        }
        Kind::Number | Kind::Bool => Ok(Some(value.get().to_owned())),
        Kind::Array | Kind::Object => Err(Refusal::invalid(name)),
    }
}

/// A text without its percent signs, a plus being a blank; what makes no sense stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |at: usize| bytes.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (b'+', ..) => {
                out.push(b' ');
                at += 1;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests;
