//! Reads a transcript's text.

use std::fmt;
use std::time::Duration;

use model::decimal::parse_units;
use model::{
    AccountId, Action, Amount, AssetId, Assets, Decimal, Instrument, Level, LevelBook, Listing,
    MarginMode, OrderKind, PerpetualAction, Price, Quantity, SelfTradePolicy, Side, Span, Status,
    Trigger, TriggerWhen,
};

use crate::people::{self, PEOPLE, Person};

use super::{Act, Ask, Client, Heard, Lives, Placing, Quirk, Said, Setup, Step, Transcript, What};

/// A line that is no transcript's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// Reads a transcript over these listings; the symbols are `dialect`'s. The first listing is meant where none is named.
///
/// # Errors
/// [`Fault`] names the line.
pub fn parse(text: &str, listings: &[Listing], dialect: &str) -> Result<Transcript, Fault> {
    let at = |line: usize| move |what: String| Fault { line: line + 1, what };
    let text = &PEOPLE.iter().fold(text.to_owned(), |text, person| {
        text.replace(&format!("{{token of {}}}", person.name), person.token)
            .replace(&format!("{{key of {}}}", person.name), person.key)
            .replace(&format!("{{secret of {}}}", person.name), person.secret)
            .replace(&format!("{{basic of {}}}", person.name), &person.basic())
            .replace(&format!("{{address of {}}}", person.name), &person.address().to_string())
    });
    let mut lines = text.lines().enumerate().map(|(at, line)| (at, line.trim_end())).peekable();
    let title = match lines.next() {
        Some((_, line)) if line.starts_with("# ") && line.ends_with(')') => line[2..].to_owned(),
        _ => {
            let what = "a transcript begins with `# what it shows (section)`".to_owned();
            return Err(Fault { line: 1, what });
        }
    };
    let mut reader =
        Reader { listings, dialect, setup: Setup::default(), clients: vec![String::new()] };
    let mut steps = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(setting) = line.strip_prefix("with ") {
            reader.set(setting).map_err(at(number))?;
            continue;
        }
        let (times, line) = match line.split_once(" times ") {
            Some((count, rest)) if count.bytes().all(|byte| byte.is_ascii_digit()) => {
                (count.parse().map_err(|_| at(number)(format!("{count} is too often")))?, rest)
            }
            _ => (1, line),
        };
        if ["GET ", "POST ", "PUT ", "DELETE ", "UPGRADE "]
            .iter()
            .any(|method| line.starts_with(method))
        {
            let mut following = || {
                while lines.next_if(|(_, line)| line.starts_with('#')).is_some() {}
                lines.next().map(|(_, line)| line)
            };
            let mut head = following();
            let form = head.and_then(|line| line.strip_prefix("+ "));
            if form.is_some() {
                head = following();
            }
            let ask = reader.ask(line, form, head, following()).map_err(at(number))?;
            steps.push(Step { line: number + 1, what: What::Ask(ask) });
            continue;
        }
        for n in 0..times {
            let line = if times > 1 { counted(line, n) } else { line.to_owned() };
            let what = reader.line(&line).map_err(at(number))?;
            steps.push(Step { line: number + 1, what });
        }
    }
    Ok(Transcript { title, setup: reader.setup, steps })
}

/// A line that comes often, for the time of this number.
fn counted(line: &str, n: usize) -> String {
    let line = line.replace("{n}", &n.to_string());
    let from = |(head, tail): (&str, &str)| {
        let (first, rest) = tail.split_once('}')?;
        let id = first.parse::<usize>().ok()? + n;
        Some(format!("{head}{id:012x}{rest}"))
    };
    line.split_once("{id from ").and_then(from).unwrap_or(line)
}

struct Reader<'a> {
    listings: &'a [Listing],
    dialect: &'a str,
    setup: Setup,
    /// Names of the clients, by number.
    clients: Vec<String>,
}

impl<'a> Reader<'a> {
    fn set(&mut self, setting: &str) -> Result<(), String> {
        match setting {
            "strict markets" => self.setup.strict_markets = true,
            "null reconnect data" => self.setup.null_reconnect_data = true,
            "private accounts" => self.setup.private_accounts = true,
            "few streams" => self.setup.few_streams = true,
            "a source by level" => self.setup.by_level = true,
            "no network between" => self.setup.memory_only = true,
            "the blank of the sample" => self.setup.literal_sample = true,
            _ if setting.ends_with(" tickers at most") => {
                let most = setting.split(' ').next().and_then(|count| count.parse().ok());
                self.setup.tickers_max = Some(most.ok_or("a count of tickers is a number")?);
            }
            _ => return Err(format!("nothing can be set by `with {setting}`")),
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<What, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Some(what) = self.dialogue(0, word, rest) {
            return what;
        }
        // `b > text`: another client than the first.
        let (second, said) = rest.split_once(' ').unwrap_or((rest, ""));
        if self.dialogue(0, second, said).is_some() {
            let client = self.client(word);
            return self.dialogue(client, second, said).expect("it is dialogue");
        }
        match word {
            "tick" => Ok(What::Tick),
            "pass" => span(rest).map(What::Pass),
            "wait" => {
                let micros = span(rest)?.0;
                let micros = u64::try_from(micros).map_err(|_| "time does not go back")?;
                Ok(What::Wait(Duration::from_micros(micros)))
            }
            "live" => {
                let micros = u64::try_from(span(rest)?.0).map_err(|_| "time does not go back")?;
                Ok(What::Live(Duration::from_micros(micros)))
            }
            "admit" => person(rest).map(What::Admit),
            "revoke" => person(rest).map(What::Revoke),
            "block" => person(rest).map(|person| What::Block(person, true)),
            "unblock" => person(rest).map(|person| What::Block(person, false)),
            "disk" if rest == "fails" => Ok(What::FailDisk),
            "shutdown" => Ok(What::ShutDown),
            _ => self.act(line).map(What::Act),
        }
    }

    fn client(&mut self, name: &str) -> Client {
        let known = self.clients.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.clients.push(name.to_owned());
            self.clients.len() - 1
        })
    }

    fn dialogue(&self, client: Client, mark: &str, rest: &str) -> Option<Result<What, String>> {
        Some(match mark {
            ">" => Ok(What::Say(client, Said::Text(rest.to_owned()))),
            "<" => Ok(What::Hear(client, Heard::Text(rest.to_owned()))),
            ">>" => said(rest).map(|said| What::Say(client, said)),
            "<<" => heard(rest).map(|heard| What::Hear(client, heard)),
            "..." => heard(rest).map(|heard| What::HearUntil(client, heard)),
            "opens" => opens(client, rest),
            "silence" if rest.is_empty() => Ok(What::Silence(client)),
            "stall" if rest.is_empty() => Ok(What::Stall(client)),
            "read" if rest.is_empty() => Ok(What::Read(client)),
            _ => return None,
        })
    }

    fn ask(
        &self,
        line: &str,
        form: Option<&str>,
        head: Option<&str>,
        body: Option<&str>,
    ) -> Result<Ask, String> {
        let mut quirks = line.split(" but ");
        let mut words = quirks.next().unwrap_or("").split(' ');
        let method = words.next().ok_or("a request has a method")?;
        let target = words.next().ok_or("a request has a path")?;
        let signer = match (words.next(), words.next(), words.next()) {
            (None, ..) => None,
            (Some("as"), Some(name), None) => Some(person(name)?),
            _ => return Err("behind the path only `as somebody` can stand".to_owned()),
        };
        let quirks = quirks.map(quirk).collect::<Result<_, _>>()?;
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let head = head.ok_or("a request is followed by its status")?;
        let (status, content_type) =
            head.split_once(' ').map_or((head, None), |(a, b)| (a, Some(b)));
        let body = match body.ok_or("a status is followed by a body, `(empty)` or `(any)`")? {
            "(any)" => None,
            "(empty)" => Some(String::new()),
            body => Some(body.to_owned()),
        };
        Ok(Ask {
            method: method.to_owned(),
            path: path.to_owned(),
            query,
            signer,
            quirks,
            form: form.unwrap_or_default().to_owned(),
            status: status.parse().map_err(|_| format!("{status} is no status"))?,
            content_type: content_type.map(str::to_owned),
            body,
        })
    }

    fn amount(&self, number: &str, code: &str) -> Result<(AssetId, Amount), String> {
        let instruments: Vec<_> = self.listings.iter().map(|it| it.instrument.clone()).collect();
        let assets = Assets::of(&instruments);
        let asset = assets.by_code(code).ok_or_else(|| format!("there is no asset {code}"))?;
        let number = Decimal::parse(number).map_err(|why| format!("{number} is {why}"))?;
        let amount = asset.amount_of_units(number.units, number.decimals);
        Ok((asset.id, amount.ok_or_else(|| format!("{number} {code} is too fine"))?))
    }

    fn act(&self, line: &str) -> Result<Act, String> {
        let mut words = Words { words: line.split_ascii_whitespace().collect() };
        let instrument = match words.take_after("on") {
            Some(symbol) => self.instrument(symbol)?,
            None => &self.listings[0].instrument,
        };
        let label = words.take_after("as").map(str::to_owned);
        let mut words = words.words.into_iter();
        let mut next = |what: &str| words.next().ok_or_else(|| format!("{what} is missing"));
        let act = match next("what to do")? {
            word @ ("place" | "reduce") => {
                let reduces = word == "reduce";
                let account = account(next("who")?)?;
                let side = side(next("the side")?)?;
                let kind = next("limit or market")?;
                let quantity = quantity(instrument, next("how much")?)?;
                let kind = match kind {
                    "limit" if next("`@`")? == "@" => {
                        OrderKind::Limit(price(instrument, next("the price")?)?)
                    }
                    "market" => OrderKind::Market,
                    other => return Err(format!("{other} is neither `limit … @` nor `market`")),
                };
                let (mut lives, mut post_only, mut trigger) = (Lives::Long, false, None);
                while let Some(word) = words.next() {
                    let mut after = || words.next().ok_or_else(|| format!("{word} what"));
                    match word {
                        "ioc" => lives = Lives::AtOnce,
                        "fok" => lives = Lives::AllOrNothing,
                        "post-only" => post_only = true,
                        "for" => {
                            let (count, unit) = (after()?, after()?);
                            lives = Lives::For(span(&format!("{count} {unit}"))?);
                        }
                        "when" => {
                            let when = match after()? {
                                ">=" => TriggerWhen::AtOrAbove,
                                "<=" => TriggerWhen::AtOrBelow,
                                other => return Err(format!("{other} is neither >= nor <=")),
                            };
                            trigger = Some(Trigger::at(price(instrument, after()?)?, when));
                        }
                        _ => return Err(format!("an order has no `{word}`")),
                    }
                }
                return Ok(Act::Place(Placing {
                    account,
                    instrument: instrument.id,
                    side,
                    kind,
                    quantity,
                    lives,
                    post_only,
                    trigger,
                    reduces,
                    label,
                }));
            }
            "quote" => Act::Perpetual(PerpetualAction::Quote {
                instrument: instrument.id,
                constituent: 0,
                price: price(instrument, next("the price")?)?,
            }),
            "mark" => Act::Perpetual(PerpetualAction::Mark(instrument.id)),
            "margin" => Act::Perpetual(PerpetualAction::SetMarginMode {
                account: account(next("whose")?)?,
                instrument: instrument.id,
                mode: match next("which")? {
                    "isolated" => MarginMode::Isolated,
                    "cross" => MarginMode::Cross,
                    other => return Err(format!("{other} is neither isolated nor cross")),
                },
            }),
            "leverage" => Act::Perpetual(PerpetualAction::SetLeverage {
                account: account(next("whose")?)?,
                instrument: instrument.id,
                leverage: next("how much")?.parse().map_err(|_| "a leverage is a number")?,
            }),
            "cancel" => match next("which order")? {
                "all" => Act::CancelAll(account(next("whose")?)?),
                label => Act::Cancel(label.to_owned()),
            },
            "replace" => {
                let label = next("which order")?.to_owned();
                let quantity = quantity(instrument, next("how much")?)?;
                if next("`@`")? != "@" {
                    return Err("a price stands after `@`".to_owned());
                }
                Act::Replace(label, quantity, price(instrument, next("the price")?)?)
            }
            kind @ ("deposit" | "withdraw") => {
                let account = account(next("who")?)?;
                let (asset, amount) = self.amount(next("how much")?, next("of what")?)?;
                Act::Move(match kind {
                    "deposit" => Action::Deposit { account, asset, amount },
                    _ => Action::Withdraw { account, asset, amount },
                })
            }
            "transfer" => {
                let (from, to) = (account(next("who")?)?, account(next("to whom")?)?);
                let (asset, amount) = self.amount(next("how much")?, next("of what")?)?;
                Act::Move(Action::Transfer { from, to, asset, amount })
            }
            "self-trade" => {
                let account = account(next("who")?)?;
                let policy = match next("which policy")? {
                    "allow" => SelfTradePolicy::Allow,
                    "cancel-resting" => SelfTradePolicy::CancelResting,
                    "cancel-arriving" => SelfTradePolicy::CancelArriving,
                    "cancel-both" => SelfTradePolicy::CancelBoth,
                    other => return Err(format!("no policy is called {other}")),
                };
                Act::SelfTrade(account, policy)
            }
            "status" => {
                let status = match next("which status")? {
                    "trading" => Status::Trading,
                    "post-only" => Status::PostOnly,
                    "cancel-only" => Status::CancelOnly,
                    "halted" => Status::Halted,
                    other => return Err(format!("no status is called {other}")),
                };
                Act::Status(instrument.id, status)
            }
            kind @ ("book" | "change") => {
                let mut sides = [Vec::new(), Vec::new()];
                let mut at = 0;
                for word in words.by_ref() {
                    match word {
                        "bids" => at = 0,
                        "asks" => at = 1,
                        level => {
                            let (amount, at_price) =
                                level.split_once('@').ok_or("a level is amount@price")?;
                            sides[at].push(Level {
                                price: price(instrument, at_price)?,
                                quantity: quantity(instrument, amount)?,
                            });
                        }
                    }
                }
                let [bids, asks] = sides;
                let book = LevelBook { bids, asks };
                match kind {
                    "book" => Act::Book(instrument.id, book),
                    _ => Act::Change(instrument.id, book),
                }
            }
            "print" => {
                let side = side(next("the side")?)?;
                let quantity = quantity(instrument, next("how much")?)?;
                if next("`@`")? != "@" {
                    return Err("a price stands after `@`".to_owned());
                }
                let price = price(instrument, next("the price")?)?;
                Act::Print(instrument.id, side, quantity, price)
            }
            other => return Err(format!("nobody can {other}")),
        };
        match words.next() {
            Some(word) => Err(format!("`{word}` is too much")),
            None => Ok(act),
        }
    }

    fn instrument(&self, symbol: &str) -> Result<&'a Instrument, String> {
        let mut listings = self.listings.iter();
        let found = listings.find(|listing| listing.symbol_in(self.dialect) == Some(symbol));
        found.map(|it| &it.instrument).ok_or_else(|| format!("no market is called {symbol}"))
    }
}

struct Words<'a> {
    words: Vec<&'a str>,
}

impl<'a> Words<'a> {
    /// Takes out a word and the one after it, which is returned.
    fn take_after(&mut self, word: &str) -> Option<&'a str> {
        let at = self.words.iter().position(|known| *known == word)?;
        if at + 1 >= self.words.len() {
            return None;
        }
        self.words.remove(at);
        Some(self.words.remove(at))
    }
}

fn opens(client: Client, text: &str) -> Result<What, String> {
    let mut words = text.split(" but ");
    let target = words.next().unwrap_or("").to_owned();
    let headers = words.map(|word| match quirk(word)? {
        Quirk::With(name, value) => Ok((name, value)),
        _ => Err("whoever connects signs nothing".to_owned()),
    });
    Ok(What::Open(client, target, headers.collect::<Result<_, _>>()?))
}

fn said(text: &str) -> Result<Said, String> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    Ok(match word {
        "ping" => Said::Ping(rest.to_owned()),
        "pong" => Said::Pong(rest.to_owned()),
        "binary" => Said::Binary(rest.to_owned()),
        "blanks" => Said::Long(rest.parse().map_err(|_| format!("{rest} is no number"))?),
        "padded" => {
            let (length, text) = rest.split_once(' ').ok_or("a text stands behind its length")?;
            let length: usize = length.parse().map_err(|_| format!("{length} is no number"))?;
            let blanks = length.checked_sub(text.len()).ok_or("the text is longer than that")?;
            Said::Text(format!("{text}{}", " ".repeat(blanks)))
        }
        "close" => {
            let (code, reason) = close(rest)?;
            Said::Close(code.ok_or("a close has a code")?, reason)
        }
        "bytes" => {
            let byte = |hex| u8::from_str_radix(hex, 16).map_err(|_| format!("{hex} is no byte"));
            Said::Raw(rest.split_ascii_whitespace().map(byte).collect::<Result<_, _>>()?)
        }
        _ => return Err(format!("nobody can send a {word}")),
    })
}

fn heard(text: &str) -> Result<Heard, String> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    Ok(match word {
        "ping" => Heard::Ping(rest.to_owned()),
        "pong" => Heard::Pong(rest.to_owned()),
        "close" => {
            let (code, reason) = close(rest)?;
            Heard::Close(code, reason)
        }
        "dropped" => Heard::Dropped,
        _ => return Err(format!("nobody can hear a {word}")),
    })
}

fn close(text: &str) -> Result<(Option<u16>, String), String> {
    if text.is_empty() {
        return Ok((None, String::new()));
    }
    let (code, reason) = text.split_once(' ').unwrap_or((text, ""));
    let code = code.parse().map_err(|_| format!("{code} is no code"))?;
    Ok((Some(code), reason.to_owned()))
}

fn person(name: &str) -> Result<&'static Person, String> {
    people::called(name).ok_or_else(|| format!("who is {name}"))
}

fn account(name: &str) -> Result<AccountId, String> {
    person(name).map(|person| person.account)
}

fn quirk(text: &str) -> Result<Quirk, String> {
    let unknown = || format!("a request cannot be sent but {text}");
    let (word, rest) = text.split_once(' ').ok_or_else(unknown)?;
    Ok(match (word, rest.split_once(' ').unwrap_or((rest, ""))) {
        ("with", (name, value)) => Quirk::With(name.to_ascii_lowercase(), value.to_owned()),
        ("without", (name, "")) => Quirk::Without(name.to_ascii_lowercase()),
        ("signed", ("by", name)) => Quirk::SignedBy(person(name)?),
        ("signed", ("for", host)) => Quirk::SignedFor(host.to_owned()),
        (count, ("s", way @ ("late" | "early"))) => {
            let seconds: i64 = count.parse().map_err(|_| unknown())?;
            Quirk::Late(Span::seconds(if way == "late" { seconds } else { -seconds }))
        }
        _ => return Err(unknown()),
    })
}

fn side(word: &str) -> Result<Side, String> {
    match word {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(format!("{word} is neither buy nor sell")),
    }
}

fn price(instrument: &Instrument, text: &str) -> Result<Price, String> {
    let units = parse_units(text.as_bytes(), instrument.price_decimals);
    let price = units.ok().and_then(|units| instrument.price_of_units(units));
    price.ok_or_else(|| format!("{text} is no price here"))
}

fn quantity(instrument: &Instrument, text: &str) -> Result<Quantity, String> {
    let units = parse_units(text.as_bytes(), instrument.quantity_decimals);
    let quantity = units.ok().and_then(|units| instrument.quantity_of_units(units));
    quantity.ok_or_else(|| format!("{text} is no amount here"))
}

fn span(text: &str) -> Result<Span, String> {
    let (count, unit) = text.split_once(' ').ok_or("a time is a number and a unit")?;
    let count: i64 = count.parse().map_err(|_| format!("{count} is no number"))?;
    let micros = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "min" => 60_000_000,
        "h" => 3_600_000_000,
        "days" => 86_400_000_000,
        _ => return Err(format!("{unit} is no unit of time")),
    };
    Ok(Span(count * micros))
}
