//! The stored form of what is in a journal: bytes apart from the model, so that the model may change and what was
//! written once is read for ever. See `docs/decisions/0009-the-stored-form.md` for what may change here and how.
//!
//! Entries stand one behind the other without lengths; a record's checksum says that they are whole. Numbers are
//! of variable length: seven bits a byte, the lowest first; what may be negative is folded (0, -1, 1, -2, …).
//!
//! ```text
//! entry    kind, and by kind
//! command  1..=127 the action's kind; flags; [time since the entry before]; [acts]; [label]; [mark]; the action
//! other    128 opened, 129 digest, 130 closed, 131 what follows counts from so much later, 132 opened with a warm-up
//! ```

use std::sync::Arc;

use model::{
    AccountId, Action, Amount, AssetId, Cadence, InstrumentId, Label, MarginMode, Mark, NewOrder,
    OrderId, OrderKind, PerpetualAction, Price, Quantity, SelfTradePolicy, Side, Span, Status,
    Time, TimeInForce, Trail, Trigger, TriggerWhen,
};

use super::{Closed, Digest, Entry, Kept, Opened};

#[cfg(test)]
mod tests;

/// Why stored bytes are not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misread {
    /// A later build wrote something that this one does not know: what, and its code.
    Newer(&'static str, u8),
    /// No build writes this.
    Nonsense(&'static str),
}

impl std::fmt::Display for Misread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Newer(what, code) => {
                write!(f, "it has {what} of kind {code}, which a later version of rialto wrote")
            }
            Self::Nonsense(what) => write!(f, "it says the impossible: {what}"),
        }
    }
}

mod kind {
    pub const PLACE: u8 = 1;
    pub const PLACE_WORTH: u8 = 2;
    pub const CANCEL: u8 = 3;
    pub const REPLACE: u8 = 4;
    pub const CANCEL_ALL: u8 = 5;
    pub const SET_SELF_TRADE_POLICY: u8 = 6;
    pub const DEPOSIT: u8 = 7;
    pub const WITHDRAW: u8 = 8;
    pub const TRANSFER: u8 = 9;
    pub const FOLLOW: u8 = 10;
    pub const SET_STATUS: u8 = 11;
    pub const TICK: u8 = 12;
    pub const PERPETUAL: u8 = 13;
    pub const OPENED: u8 = 128;
    pub const DIGEST: u8 = 129;
    pub const CLOSED: u8 = 130;
    /// No entry: what follows counts from another moment.
    pub const TIME: u8 = 131;
    /// [`OPENED`], and behind it for how long doors stay closed.
    pub const OPENED_COLD: u8 = 132;
}

/// Which action on a perpetual.
mod perpetual {
    pub const REDUCE: u8 = 1;
    pub const SET_LEVERAGE: u8 = 2;
    pub const SET_MARGIN_MODE: u8 = 3;
    pub const ADD_MARGIN: u8 = 4;
    pub const INSURE: u8 = 5;
    pub const QUOTE: u8 = 6;
    pub const MARK: u8 = 7;
}

/// What stands before a command's action.
mod flag {
    /// Time went on since the entry before.
    pub const LATER: u8 = 1;
    /// The crowd acted since the command before.
    pub const ACTS: u8 = 2;
    /// The last of those acts asked for this.
    pub const CROWD: u8 = 4;
    pub const LABEL: u8 = 8;
    pub const MARK: u8 = 16;
    pub const KNOWN: u8 = 31;
}

/// What an order is besides its numbers.
mod order {
    pub const SELL: u8 = 1;
    pub const MARKET: u8 = 2;
    pub const POST_ONLY: u8 = 4;
    pub const TRIGGER: u8 = 8;
    /// Two bits of time in force.
    pub const FORCE_SHIFT: u8 = 4;
    pub const KNOWN: u8 = 0x3f;
}

/// Writes entries behind each other.
#[derive(Debug, Default)]
pub struct Encoder {
    /// What was written.
    pub bytes: Vec<u8>,
    /// The moment of the last entry with one.
    pub time: Time,
}

impl Encoder {
    /// Begins anew, at this moment.
    pub fn begin(&mut self, time: Time) {
        self.bytes.clear();
        self.time = time;
    }

    /// What follows counts from this moment.
    pub fn shift(&mut self, time: Time) {
        if time != self.time {
            self.byte(kind::TIME);
            self.later(time);
        }
    }

    /// Writes one entry.
    pub fn entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Command(kept) => self.command(kept),
            Entry::Opened(opened) => {
                let is_cold = opened.warm_up > Span(0);
                self.byte(if is_cold { kind::OPENED_COLD } else { kind::OPENED });
                self.later(opened.time);
                self.bytes.extend_from_slice(&opened.market.to_le_bytes());
                self.word(opened.seed);
                self.word(opened.events);
                self.bytes.extend_from_slice(&opened.digest.to_le_bytes());
                self.bytes.extend_from_slice(&opened.state.to_le_bytes());
                self.text(&opened.version);
                if is_cold {
                    self.word(opened.warm_up.0.unsigned_abs());
                }
            }
            Entry::Digest(Digest { events, digest }) => {
                self.byte(kind::DIGEST);
                self.word(*events);
                self.bytes.extend_from_slice(&digest.to_le_bytes());
            }
            Entry::Closed(Closed { events, digest, state }) => {
                self.byte(kind::CLOSED);
                self.word(*events);
                self.bytes.extend_from_slice(&digest.to_le_bytes());
                self.bytes.extend_from_slice(&state.to_le_bytes());
            }
        }
    }

    fn command(&mut self, kept: &Kept) {
        let mut flags = 0;
        for (is_so, flag) in [
            (kept.time != self.time, flag::LATER),
            (kept.acts > 0, flag::ACTS),
            (kept.by_crowd, flag::CROWD),
            (kept.label.is_some(), flag::LABEL),
            (kept.mark.is_some(), flag::MARK),
        ] {
            flags |= if is_so { flag } else { 0 };
        }
        self.byte(kind_of(&kept.action));
        self.byte(flags);
        if flags & flag::LATER != 0 {
            self.later(kept.time);
        }
        if kept.acts > 0 {
            self.word(u64::from(kept.acts));
        }
        if let Some(label) = &kept.label {
            self.text(label);
        }
        if let Some(Mark(mark)) = &kept.mark {
            self.bytes.extend_from_slice(mark);
        }
        self.action(&kept.action);
    }

    fn action(&mut self, action: &Action) {
        match *action {
            Action::Place(ref new) => self.order(new),
            Action::PlaceWorth { account, instrument, side, worth } => {
                self.account(account);
                self.instrument(instrument);
                self.byte(side as u8);
                self.amount(worth);
            }
            Action::Cancel { account, instrument, order } => {
                self.account(account);
                self.instrument(instrument);
                self.word(order.0);
            }
            Action::Replace { account, instrument, order, price, quantity } => {
                self.account(account);
                self.instrument(instrument);
                self.word(order.0);
                self.signed(price.0);
                self.signed(quantity.0);
            }
            Action::CancelAll { account, instrument } => {
                self.account(account);
                // One more than its number; 0 is all of them.
                self.word(instrument.map_or(0, |it| u64::from(it.0) + 1));
            }
            Action::SetSelfTradePolicy { account, policy } => {
                self.account(account);
                self.byte(match policy {
                    SelfTradePolicy::Allow => 0,
                    SelfTradePolicy::CancelResting => 1,
                    SelfTradePolicy::CancelArriving => 2,
                    SelfTradePolicy::CancelBoth => 3,
                });
            }
            Action::Deposit { account, asset, amount }
            | Action::Withdraw { account, asset, amount } => {
                self.account(account);
                self.word(u64::from(asset.0));
                self.amount(amount);
            }
            Action::Transfer { from, to, asset, amount } => {
                self.account(from);
                self.account(to);
                self.word(u64::from(asset.0));
                self.amount(amount);
            }
            Action::Follow(account) => self.account(account),
            Action::SetStatus { instrument, status } => {
                self.instrument(instrument);
                self.byte(match status {
                    Status::Trading => 0,
                    Status::PostOnly => 1,
                    Status::CancelOnly => 2,
                    Status::Halted => 3,
                });
            }
            Action::Tick(cadence) => self.signed(cadence.0.0),
            Action::Perpetual(ref action) => self.perpetual(action),
        }
    }

    fn perpetual(&mut self, action: &PerpetualAction) {
        match *action {
            PerpetualAction::Reduce(ref new) => {
                self.byte(perpetual::REDUCE);
                self.order(new);
            }
            PerpetualAction::SetLeverage { account, instrument, leverage } => {
                self.byte(perpetual::SET_LEVERAGE);
                self.account(account);
                self.instrument(instrument);
                self.word(u64::from(leverage));
            }
            PerpetualAction::SetMarginMode { account, instrument, mode } => {
                self.byte(perpetual::SET_MARGIN_MODE);
                self.account(account);
                self.instrument(instrument);
                self.byte(match mode {
                    MarginMode::Isolated => 0,
                    MarginMode::Cross => 1,
                });
            }
            PerpetualAction::AddMargin { account, instrument, amount } => {
                self.byte(perpetual::ADD_MARGIN);
                self.account(account);
                self.instrument(instrument);
                self.amount(amount);
            }
            PerpetualAction::Insure { account, asset, amount } => {
                self.byte(perpetual::INSURE);
                self.account(account);
                self.word(u64::from(asset.0));
                self.amount(amount);
            }
            PerpetualAction::Quote { instrument, constituent, price } => {
                self.byte(perpetual::QUOTE);
                self.instrument(instrument);
                self.word(u64::from(constituent));
                self.signed(price.0);
            }
            PerpetualAction::Mark(instrument) => {
                self.byte(perpetual::MARK);
                self.instrument(instrument);
            }
        }
    }

    fn order(&mut self, new: &NewOrder) {
        let (force, till) = match new.time_in_force {
            TimeInForce::GoodTillCanceled => (0, None),
            TimeInForce::ImmediateOrCancel => (1, None),
            TimeInForce::FillOrKill => (2, None),
            TimeInForce::GoodTillDate(till) => (3, Some(till)),
        };
        let mut flags = force << order::FORCE_SHIFT;
        for (is_so, flag) in [
            (new.side == Side::Sell, order::SELL),
            (new.kind == OrderKind::Market, order::MARKET),
            (new.post_only, order::POST_ONLY),
            (new.trigger.is_some(), order::TRIGGER),
        ] {
            flags |= if is_so { flag } else { 0 };
        }
        self.byte(flags);
        self.account(new.account);
        self.instrument(new.instrument);
        self.signed(new.quantity.0);
        if let OrderKind::Limit(price) = new.kind {
            self.signed(price.0);
        }
        if let Some(till) = till {
            self.signed(till.0);
        }
        if let Some(trigger) = new.trigger {
            self.byte(match (trigger.when, trigger.trail) {
                (TriggerWhen::AtOrAbove, None) => 1,
                (TriggerWhen::AtOrBelow, None) => 2,
                (TriggerWhen::AtOrAbove, Some(_)) => 3,
                (TriggerWhen::AtOrBelow, Some(_)) => 4,
            });
            self.signed(trigger.price.0);
            if let Some(trail) = trigger.trail {
                self.word(u64::from(trail.basis_points()));
            }
        }
    }

    fn later(&mut self, time: Time) {
        self.signed(time.0.wrapping_sub(self.time.0));
        self.time = time;
    }
    fn account(&mut self, account: AccountId) {
        self.word(u64::from(account.0));
    }
    fn instrument(&mut self, instrument: InstrumentId) {
        self.word(u64::from(instrument.0));
    }
    fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }
    fn word(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
    fn signed(&mut self, value: i64) {
        self.word((value << 1 ^ value >> 63) as u64);
    }
    fn amount(&mut self, Amount(value): Amount) {
        let mut value = (value << 1 ^ value >> 127) as u128;
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
    fn text(&mut self, text: &str) {
        self.word(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }
}

const fn kind_of(action: &Action) -> u8 {
    match action {
        Action::Place(_) => kind::PLACE,
        Action::PlaceWorth { .. } => kind::PLACE_WORTH,
        Action::Cancel { .. } => kind::CANCEL,
        Action::Replace { .. } => kind::REPLACE,
        Action::CancelAll { .. } => kind::CANCEL_ALL,
        Action::SetSelfTradePolicy { .. } => kind::SET_SELF_TRADE_POLICY,
        Action::Deposit { .. } => kind::DEPOSIT,
        Action::Withdraw { .. } => kind::WITHDRAW,
        Action::Transfer { .. } => kind::TRANSFER,
        Action::Follow(_) => kind::FOLLOW,
        Action::SetStatus { .. } => kind::SET_STATUS,
        Action::Tick(_) => kind::TICK,
        Action::Perpetual(_) => kind::PERPETUAL,
    }
}

/// Reads entries one behind the other.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    time: Time,
}

impl<'a> Decoder<'a> {
    /// Of these bytes, which begin at this moment.
    #[must_use]
    pub const fn new(bytes: &'a [u8], time: Time) -> Self {
        Self { bytes, time }
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// See [`Misread`].
    pub fn entry(&mut self) -> Result<Option<Entry>, Misread> {
        let kind = loop {
            let Some((&kind, rest)) = self.bytes.split_first() else { return Ok(None) };
            self.bytes = rest;
            if kind != kind::TIME {
                break kind;
            }
            self.later()?;
        };
        Ok(Some(match kind {
            kind::OPENED | kind::OPENED_COLD => Entry::Opened(self.opened(kind)?),
            kind::DIGEST => Entry::Digest(Digest { events: self.word()?, digest: self.fixed()? }),
            kind::CLOSED => Entry::Closed(Closed {
                events: self.word()?,
                digest: self.fixed()?,
                state: self.fixed()?,
            }),
            kind => Entry::Command(self.command(kind)?),
        }))
    }

    fn opened(&mut self, kind: u8) -> Result<Opened, Misread> {
        let mut opened = Opened {
            time: self.later()?,
            warm_up: Span(0),
            market: self.fixed()?,
            seed: self.word()?,
            events: self.word()?,
            digest: self.fixed()?,
            state: self.fixed()?,
            version: self.text()?.into(),
        };
        if kind == kind::OPENED_COLD {
            let warm_up = i64::try_from(self.word()?).ok().filter(|&it| it > 0);
            opened.warm_up = Span(warm_up.ok_or(Misread::Nonsense("a warm-up"))?);
        }
        Ok(opened)
    }

    fn command(&mut self, kind: u8) -> Result<Kept, Misread> {
        if !(kind::PLACE..=kind::PERPETUAL).contains(&kind) {
            return Err(Misread::Newer("an entry", kind));
        }
        let flags = self.byte()?;
        if flags & !flag::KNOWN != 0 {
            return Err(Misread::Newer("a command's flags", flags));
        }
        let has = |flag| flags & flag != 0;
        let time = if has(flag::LATER) { self.later()? } else { self.time };
        let acts = if has(flag::ACTS) { self.narrow("a number of acts")? } else { 0 };
        let label: Option<Label> =
            if has(flag::LABEL) { Some(Arc::from(self.text()?)) } else { None };
        let mark = if has(flag::MARK) { Some(Mark(self.array()?)) } else { None };
        let action = self.action(kind)?;
        Ok(Kept { time, action, acts, by_crowd: has(flag::CROWD), label, mark })
    }

    fn action(&mut self, kind: u8) -> Result<Action, Misread> {
        Ok(match kind {
            kind::PLACE => Action::Place(self.order()?),
            kind::PLACE_WORTH => Action::PlaceWorth {
                account: self.account()?,
                instrument: self.instrument()?,
                side: match self.byte()? {
                    0 => Side::Buy,
                    1 => Side::Sell,
                    _ => return Err(Misread::Nonsense("a side")),
                },
                worth: self.amount()?,
            },
            kind::CANCEL => Action::Cancel {
                account: self.account()?,
                instrument: self.instrument()?,
                order: OrderId(self.word()?),
            },
            kind::REPLACE => Action::Replace {
                account: self.account()?,
                instrument: self.instrument()?,
                order: OrderId(self.word()?),
                price: Price(self.signed()?),
                quantity: Quantity(self.signed()?),
            },
            kind::CANCEL_ALL => Action::CancelAll {
                account: self.account()?,
                instrument: match self.narrow::<u32>("an instrument")? {
                    0 => None,
                    more => Some(InstrumentId(
                        u16::try_from(more - 1).map_err(|_| Misread::Nonsense("an instrument"))?,
                    )),
                },
            },
            kind::SET_SELF_TRADE_POLICY => Action::SetSelfTradePolicy {
                account: self.account()?,
                policy: match self.byte()? {
                    0 => SelfTradePolicy::Allow,
                    1 => SelfTradePolicy::CancelResting,
                    2 => SelfTradePolicy::CancelArriving,
                    3 => SelfTradePolicy::CancelBoth,
                    newer => return Err(Misread::Newer("a self-trade policy", newer)),
                },
            },
            kind::DEPOSIT => Action::Deposit {
                account: self.account()?,
                asset: self.asset()?,
                amount: self.amount()?,
            },
            kind::WITHDRAW => Action::Withdraw {
                account: self.account()?,
                asset: self.asset()?,
                amount: self.amount()?,
            },
            kind::TRANSFER => Action::Transfer {
                from: self.account()?,
                to: self.account()?,
                asset: self.asset()?,
                amount: self.amount()?,
            },
            kind::FOLLOW => Action::Follow(self.account()?),
            kind::SET_STATUS => Action::SetStatus {
                instrument: self.instrument()?,
                status: match self.byte()? {
                    0 => Status::Trading,
                    1 => Status::PostOnly,
                    2 => Status::CancelOnly,
                    3 => Status::Halted,
                    newer => return Err(Misread::Newer("a status", newer)),
                },
            },
            kind::TICK => Action::Tick(Cadence(Span(self.signed()?))),
            kind::PERPETUAL => Action::Perpetual(self.perpetual()?),
            newer => return Err(Misread::Newer("an action", newer)),
        })
    }

    fn perpetual(&mut self) -> Result<PerpetualAction, Misread> {
        Ok(match self.byte()? {
            perpetual::REDUCE => PerpetualAction::Reduce(self.order()?),
            perpetual::SET_LEVERAGE => PerpetualAction::SetLeverage {
                account: self.account()?,
                instrument: self.instrument()?,
                leverage: self.narrow("a leverage")?,
            },
            perpetual::SET_MARGIN_MODE => PerpetualAction::SetMarginMode {
                account: self.account()?,
                instrument: self.instrument()?,
                mode: match self.byte()? {
                    0 => MarginMode::Isolated,
                    1 => MarginMode::Cross,
                    newer => return Err(Misread::Newer("a margin mode", newer)),
                },
            },
            perpetual::ADD_MARGIN => PerpetualAction::AddMargin {
                account: self.account()?,
                instrument: self.instrument()?,
                amount: self.amount()?,
            },
            perpetual::INSURE => PerpetualAction::Insure {
                account: self.account()?,
                asset: self.asset()?,
                amount: self.amount()?,
            },
            perpetual::QUOTE => PerpetualAction::Quote {
                instrument: self.instrument()?,
                constituent: self.narrow("a constituent")?,
                price: Price(self.signed()?),
            },
            perpetual::MARK => PerpetualAction::Mark(self.instrument()?),
            newer => return Err(Misread::Newer("an action on a perpetual", newer)),
        })
    }

    fn order(&mut self) -> Result<NewOrder, Misread> {
        let flags = self.byte()?;
        if flags & !order::KNOWN != 0 {
            return Err(Misread::Newer("an order's flags", flags));
        }
        let has = |flag| flags & flag != 0;
        let account = self.account()?;
        let instrument = self.instrument()?;
        let quantity = Quantity(self.signed()?);
        let kind = match has(order::MARKET) {
            true => OrderKind::Market,
            false => OrderKind::Limit(Price(self.signed()?)),
        };
        let time_in_force = match flags >> order::FORCE_SHIFT & 3 {
            0 => TimeInForce::GoodTillCanceled,
            1 => TimeInForce::ImmediateOrCancel,
            2 => TimeInForce::FillOrKill,
            _ => TimeInForce::GoodTillDate(Time(self.signed()?)),
        };
        let trigger = if has(order::TRIGGER) {
            let (when, trails) = match self.byte()? {
                1 => (TriggerWhen::AtOrAbove, false),
                2 => (TriggerWhen::AtOrBelow, false),
                3 => (TriggerWhen::AtOrAbove, true),
                4 => (TriggerWhen::AtOrBelow, true),
                newer => return Err(Misread::Newer("a trigger", newer)),
            };
            let price = Price(self.signed()?);
            let trail = if trails { Some(self.trail()?) } else { None };
            Some(Trigger { price, when, trail })
        } else {
            None
        };
        Ok(NewOrder {
            account,
            instrument,
            side: if has(order::SELL) { Side::Sell } else { Side::Buy },
            kind,
            quantity,
            time_in_force,
            post_only: has(order::POST_ONLY),
            trigger,
        })
    }

    fn trail(&mut self) -> Result<Trail, Misread> {
        Trail::new(self.narrow("a trail")?).ok_or(Misread::Nonsense("a trail"))
    }
    fn later(&mut self) -> Result<Time, Misread> {
        self.time = Time(self.time.0.wrapping_add(self.signed()?));
        Ok(self.time)
    }
    fn account(&mut self) -> Result<AccountId, Misread> {
        Ok(AccountId(self.narrow("an account")?))
    }
    fn instrument(&mut self) -> Result<InstrumentId, Misread> {
        Ok(InstrumentId(self.narrow("an instrument")?))
    }
    fn asset(&mut self) -> Result<AssetId, Misread> {
        Ok(AssetId(self.narrow("an asset")?))
    }
    fn narrow<T: TryFrom<u64>>(&mut self, what: &'static str) -> Result<T, Misread> {
        self.word()?.try_into().map_err(|_| Misread::Nonsense(what))
    }
    fn byte(&mut self) -> Result<u8, Misread> {
        Ok(self.array::<1>()?[0])
    }
    fn fixed(&mut self) -> Result<u64, Misread> {
        Ok(u64::from_le_bytes(self.array()?))
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Misread> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(Misread::Nonsense(SHORT))?;
        self.bytes = rest;
        Ok(*taken)
    }
    fn word(&mut self) -> Result<u64, Misread> {
        u64::try_from(self.number(10)?).map_err(|_| Misread::Nonsense("a number"))
    }
    fn signed(&mut self) -> Result<i64, Misread> {
        let folded = self.word()?;
        Ok((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }
    fn amount(&mut self) -> Result<Amount, Misread> {
        let folded = self.number(19)?;
        Ok(Amount((folded >> 1) as i128 ^ -((folded & 1) as i128)))
    }
    fn number(&mut self, bytes_max: u32) -> Result<u128, Misread> {
        let mut value = 0_u128;
        for place in 0..bytes_max {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            let shifted = bits << (7 * place);
            if shifted >> (7 * place) != bits {
                return Err(Misread::Nonsense("a number"));
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Misread::Nonsense("a number"))
    }
    fn text(&mut self) -> Result<&'a str, Misread> {
        let length: usize = self.narrow("a text")?;
        let (text, rest) = self.bytes.split_at_checked(length).ok_or(Misread::Nonsense(SHORT))?;
        self.bytes = rest;
        std::str::from_utf8(text).map_err(|_| Misread::Nonsense("a text"))
    }
}

/// Bytes end within an entry.
const SHORT: &str = "half an entry";
