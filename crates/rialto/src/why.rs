//! `rialto why` and `rialto connections`: how the connections of a venue that runs stand, and why others ended, for
//! people. What is said is the venue's; this only asks it and lays it out.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use crate::aloud::{answer, complain};
use crate::asking::Asking;
use crate::run::Failure;

#[cfg(test)]
mod tests;

/// What `why` ends with if the venue knows nothing of such a connection.
const UNKNOWN: u8 = 3;

/// The venue that is asked.
#[derive(Args, Debug)]
struct Asked {
    /// The venue
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Tell it as JSON, as the native API does
    #[arg(long)]
    json: bool,
}

/// Which connections.
#[derive(Args, Debug)]
struct Which {
    /// Of this credential: its number, such as c3, as `rialto keys list` tells it
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Of this account: its name or number
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// From this address, such as 10.0.0.7 or 10.0.0.7:50514
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// Of this dialect
    #[arg(long, value_name = "DIALECT")]
    dialect: Option<String>,
}

impl Which {
    fn query(&self) -> Vec<(&'static str, String)> {
        let said = [
            ("key", &self.key),
            ("account", &self.account),
            ("address", &self.address),
            ("dialect", &self.dialect),
        ];
        said.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

/// Options of `why`.
#[derive(Args, Debug)]
pub struct Why {
    /// The connection's number; without one, the newest that ended of those that are meant
    #[arg(value_name = "ID")]
    id: Option<u64>,
    #[command(flatten)]
    which: Which,
    /// Tell of so many, the newest first
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "id")]
    last: u16,
    #[command(flatten)]
    asked: Asked,
}

/// Options of `connections`.
#[derive(Args, Debug)]
pub struct Connections {
    /// Only this one, with what it listens to
    #[arg(value_name = "ID")]
    id: Option<u64>,
    #[command(flatten)]
    which: Which,
    /// Only those for which at least so many bytes wait
    #[arg(long, value_name = "BYTES")]
    waiting: Option<u32>,
    /// Only the first so many; one asks again with --after
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u16,
    /// Only those with a greater number than this
    #[arg(long, value_name = "ID")]
    after: Option<u64>,
    #[command(flatten)]
    asked: Asked,
}

/// Tells why connections ended.
pub fn why(options: &Why) -> ExitCode {
    ended(tell_why(options))
}

/// Tells how connections stand.
pub fn connections(options: &Connections) -> ExitCode {
    ended(tell_connections(options))
}

fn ended(told: Result<Option<String>, Failure>) -> ExitCode {
    match told {
        Ok(Some(text)) => {
            answer(text.trim_end_matches('\n'));
            ExitCode::SUCCESS
        }
        Ok(None) => {
            complain(
                "the venue knows of no such connection; it remembers the last 8,192 that ended, since it \
                 was started, and with a key in RIALTO_KEY tells of that account's alone",
            );
            ExitCode::from(UNKNOWN)
        }
        Err(failure) => {
            complain(failure);
            ExitCode::FAILURE
        }
    }
}

fn tell_why(options: &Why) -> Result<Option<String>, Failure> {
    let venue = Asking::at(&options.asked.url)?;
    let json = options.asked.json;
    if let Some(id) = options.id {
        if let Some(goodbye) = venue.get(&format!("/goodbyes/{id}"), &[])? {
            return Ok(Some(if json { lined(&goodbye) } else { goodbye_text(&goodbye) }));
        }
        let open = venue.get(&format!("/connections/{id}"), &[])?;
        return Ok(open.map(|it| {
            if json { lined(&it) } else { format!("{}It has not ended.\n", connection_text(&it)) }
        }));
    }
    let mut query = options.which.query();
    query.push(("limit", options.last.to_string()));
    let Some(told) = venue.get("/goodbyes", &query)? else { return Ok(None) };
    let all = list(&told, "goodbyes");
    if all.is_empty() {
        return Ok(None);
    }
    if json {
        return Ok(Some(lined(&told)));
    }
    let texts: Vec<String> = all.iter().map(goodbye_text).collect();
    Ok(Some(texts.join("\n")))
}

fn tell_connections(options: &Connections) -> Result<Option<String>, Failure> {
    let venue = Asking::at(&options.asked.url)?;
    let json = options.asked.json;
    if let Some(id) = options.id {
        let told = venue.get(&format!("/connections/{id}"), &[])?;
        return Ok(told.map(|it| if json { lined(&it) } else { connection_text(&it) }));
    }
    let mut query = options.which.query();
    query.push(("limit", options.limit.to_string()));
    query.extend(options.after.map(|after| ("after", after.to_string())));
    query.extend(options.waiting.map(|bytes| ("waiting_bytes", bytes.to_string())));
    let told = venue.get("/connections", &query)?;
    Ok(told.map(|told| if json { lined(&told) } else { table(&told) }))
}

fn lined(value: &Value) -> String {
    format!("{value}\n")
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value, name: &str) -> String {
    plain(value[name].as_str().unwrap_or("?"))
}

/// A text as it may stand on a terminal: clients choose how their subscriptions are called, and what would move the cursor
/// there, or worse, is spelled out.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() {
            true => out.extend(letter.escape_unicode()),
            false => out.push(letter),
        }
    }
    out
}

/// A number with commas.
fn number(value: &Value) -> String {
    let digits = value.as_u64().map_or_else(|| "?".to_owned(), |number| number.to_string());
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Milliseconds for people.
fn span(value: &Value) -> String {
    match value.as_u64() {
        Some(millis @ 0..1_000) => format!("{millis} ms"),
        Some(millis) => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        None => "?".to_owned(),
    }
}

fn whose(value: &Value) -> String {
    let holder = &value["holder"];
    if holder.is_null() {
        return "nobody showed a key on it".to_owned();
    }
    let name = holder["name"].as_str().map_or_else(|| holder["user_id"].to_string(), plain);
    match holder["credential"].as_str() {
        Some(credential) => format!("{name}'s, by credential {}", plain(credential)),
        None => format!("{name}'s"),
    }
}

fn goodbye_text(it: &Value) -> String {
    let decided = match text(it, "decided_by").as_str() {
        "server" => "The venue ended it",
        "client" => "The client ended it",
        _ => "Nobody decided that it ends",
    };
    let code = it["code"].as_u64().map_or_else(
        || "without a close code".to_owned(),
        |code| format!("with close code {code}"),
    );
    let mut out = format!(
        "Connection {} ({}, from {}; {}) ended at {}.\n{decided}, {code} ({}): {}.\n",
        text(it, "id"),
        text(it, "dialect"),
        text(it, "address"),
        whose(it),
        text(it, "ended_at"),
        text(it, "reason"),
        text(it, "explanation"),
    );
    out += &format!(
        "It was opened at {}, had {} subscriptions, and was sent {} frames and {} bytes in all.\n",
        text(it, "opened_at"),
        number(&it["subscriptions"]),
        number(&it["sent"]["frames"]),
        number(&it["sent"]["bytes"]),
    );
    out += &match it["oldest_unsent_event"].as_str() {
        Some(unsent) => format!(
            "{} bytes were never sent, from event {} on; the venue was at event {} by then.\n",
            number(&it["waiting"]["bytes"]),
            plain(unsent),
            text(it, "last_event")
        ),
        None => format!(
            "No frame was left unsent; the venue was at event {}.\n",
            text(it, "last_event")
        ),
    };
    out += &format!(
        "Over its last minute something waited for up to {}.\nWhat to do: {}.\n",
        span(&it["lag_ms"]),
        text(it, "remedy")
    );
    out
}

fn connection_text(it: &Value) -> String {
    let waiting = &it["waiting"];
    let mut out = format!(
        "Connection {} ({}, from {}; {}) is open since {}{}.\n",
        text(it, "id"),
        text(it, "dialect"),
        text(it, "address"),
        whose(it),
        text(it, "opened_at"),
        if it["leaves"] == true { " and is being ended" } else { "" },
    );
    out += &format!(
        "{} bytes wait for it ({} of answers, {} lossless, {} that can begin anew, {} of latest values), for {}; \
         over the last minute something waited for up to {}.\nIt was sent {} frames and {} bytes in all.\n",
        number(&waiting["bytes"]),
        number(&waiting["answers"]),
        number(&waiting["lossless"]),
        number(&waiting["restart"]),
        number(&waiting["latest"]),
        span(&it["waits_ms"]),
        span(&it["lag_ms"]),
        number(&it["sent"]["frames"]),
        number(&it["sent"]["bytes"]),
    );
    out += &format!("It has {} subscriptions:\n", number(&it["subscriptions"]));
    for name in list(it, "listens_to") {
        out += &format!("  {}\n", plain(name.as_str().unwrap_or("?")));
    }
    out
}

fn table(told: &Value) -> String {
    const HEAD: [&str; 9] =
        ["ID", "DIALECT", "ADDRESS", "WHO", "SUBSCRIPTIONS", "WAITING", "LAG", "FRAMES", "BYTES"];
    let mut rows = vec![HEAD.map(str::to_owned)];
    for it in list(told, "connections") {
        let holder = &it["holder"];
        let who = plain(holder["name"].as_str().unwrap_or("-"));
        rows.push([
            text(it, "id"),
            text(it, "dialect"),
            text(it, "address"),
            who,
            number(&it["subscriptions"]),
            number(&it["waiting"]["bytes"]),
            span(&it["lag_ms"]),
            number(&it["sent"]["frames"]),
            number(&it["sent"]["bytes"]),
        ]);
    }
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < 4 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
    if let Some(next) = told["next"].as_str() {
        out += &format!("there are more: --after {}\n", plain(next));
    }
    out
}
