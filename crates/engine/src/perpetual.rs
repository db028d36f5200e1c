//! Perpetuals: positions on margin, funding, liquidation. What an account trades here is not base against quote but a
//! position, and what answers for it is money of one asset, the contract's margin asset.
//!
//! The definitions are in `docs/perpetuals.md`, in the order of the modules here. In short: trades change positions
//! (`positions`), which take margin (`margin`), computed with a mark price (`marks`); longs and shorts exchange funding
//! (`funding`); who has not enough is liquidated through the book (`liquidation`), and at the very last against those
//! who won (`deleveraging`).
//!
//! Money is double entry here too. What winners have not been paid and losers have not paid yet is owed to and by a
//! *clearing house*, one number for each asset: at every moment it is the profit, not yet money, of all open positions
//! together. All purses, the clearing house and the insurance fund add up to the supply.
//!
//! Spot orders are matched and paid elsewhere, and meet nothing of this but one branch.

pub(crate) mod funding;
pub(crate) mod image;
pub(crate) mod liquidation;
pub(crate) mod margin;
pub(crate) mod marks;
pub(crate) mod orders;
pub(crate) mod positions;

mod deleveraging;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

use crate::engine::{Engine, Teller};
use crate::orders::NONE;
use model::{
    AccountId, Amount, AssetId, Assets, Contract, EventBody, Instrument, InstrumentId, MarginMode,
    MarkState, PerpetualAction, PerpetualEvent, PerpetualRejection, PositionId, PositionState,
    Price, Rejection, Time, Valuation,
};

/// The first position's id.
pub(crate) const FIRST_POSITION: u64 = 1_000_001;
/// Premiums of the last so many marks are averaged.
pub(crate) const BASIS_SAMPLES: usize = 30;

/// All perpetuals.
#[derive(Clone, Debug)]
pub(crate) struct Perpetuals {
    /// By instrument.
    pub list: Vec<Perpetual>,
    /// By instrument, its place in the list or [`NONE`]; empty if there are none.
    of_book: Vec<u32>,
    /// Of each asset, what the clearing house has; negative is what it owes.
    pub clearing: Vec<i128>,
    /// Of each asset, what the insurance fund has; negative is what it was short of.
    pub insurance: Vec<i128>,
    pub next_position: u64,
    /// Accounts whose orders may have nothing left to reduce, and where; empty between commands.
    pub emptied: Vec<(AccountId, u32, u32)>,
}

/// One perpetual.
#[derive(Clone, Debug)]
pub(crate) struct Perpetual {
    pub terms: Contract,
    pub value: Valuation,
    pub marks: marks::Marks,
    /// In the order in which accounts came.
    pub positions: Vec<Position>,
    /// By account's record, its position's place + 1.
    of_record: Vec<u32>,
    /// Marks below which somebody's margin has to be looked at, with the position's place.
    pub below: BTreeSet<(i64, u32)>,
    /// The same above.
    pub above: BTreeSet<(i64, u32)>,
    /// Who is being liquidated, in the order in which it goes on.
    pub queue: VecDeque<u32>,
}

/// What an account has, or may have, in a perpetual. It stays when the position is closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub account: AccountId,
    /// Its account's record.
    pub record: u32,
    pub id: PositionId,
    /// In lots; negative is short.
    pub size: i64,
    pub cost: i128,
    pub margin: i128,
    pub mode: MarginMode,
    pub leverage: u16,
    /// What its open orders reserve of what is available.
    pub reserved: i128,
    /// How near it is to being liquidated, 0 to 4.
    pub level: u8,
    /// 0, or how often its liquidation has been taken on, from 1.
    pub stage: u8,
    /// As long as the mark stays in here nothing needs to be looked at; `None` if nothing is open, or it is
    /// isolated and being liquidated.
    pub calm: Option<(i64, i64)>,
}

impl Position {
    /// How many lots an order of this side could close.
    pub fn opposite(&self, side: model::Side) -> i64 {
        match side {
            model::Side::Buy => (-self.size).max(0),
            model::Side::Sell => self.size.max(0),
        }
    }
    pub const fn state(&self) -> PositionState {
        PositionState {
            id: self.id,
            account: self.account,
            size: self.size,
            cost: Amount(self.cost),
            margin: Amount(self.margin),
            mode: self.mode,
            leverage: self.leverage,
        }
    }
}

impl Perpetual {
    /// The place of an account's position.
    pub fn find(&self, record: u32) -> Option<u32> {
        self.of_record.get(record as usize).copied().and_then(|place| place.checked_sub(1))
    }
    /// Profit, if negative loss, of a position at a price.
    pub const fn profit(&self, position: &Position, price: Price) -> i128 {
        self.value.worth(price, position.size) - position.cost
    }
    /// The mark price.
    ///
    /// # Panics
    /// If there is none yet.
    pub fn mark(&self) -> Price {
        self.marks.mark.expect("no position is opened before there is a mark")
    }
    /// What an account without a position starts with.
    fn blank(&self, account: AccountId, record: u32) -> Position {
        Position {
            account,
            record,
            id: PositionId(0),
            size: 0,
            cost: 0,
            margin: 0,
            mode: MarginMode::default(),
            leverage: self.terms.leverage_max(),
            reserved: 0,
            level: 0,
            stage: 0,
            calm: None,
        }
    }
}

impl Perpetuals {
    /// # Panics
    /// If a contract's terms make no sense, or there are two of one instrument.
    pub fn new(contracts: &[Contract], instruments: &[Instrument], assets: &Assets) -> Self {
        let mut of_book =
            if contracts.is_empty() { Vec::new() } else { vec![NONE; instruments.len()] };
        let mut sorted: Vec<&Contract> = contracts.iter().collect();
        sorted.sort_by_key(|contract| contract.instrument);
        let mut list = Vec::with_capacity(sorted.len());
        for contract in sorted {
            let instrument = instruments.get(contract.instrument.index());
            let instrument = instrument.expect("a contract is of one of the instruments");
            let value = contract.check().and_then(|()| Valuation::of(contract, instrument, assets));
            let value = value.unwrap_or_else(|why| {
                panic!("contract {}/{}: {why}", instrument.base, instrument.quote)
            });
            let place = &mut of_book[contract.instrument.index()];
            assert!(*place == NONE, "an instrument has one contract");
            *place = list.len() as u32;
            list.push(Perpetual {
                marks: marks::Marks::of(contract, instruments),
                terms: contract.clone(),
                value,
                positions: Vec::new(),
                of_record: Vec::new(),
                below: BTreeSet::new(),
                above: BTreeSet::new(),
                queue: VecDeque::new(),
            });
        }
        Self {
            list,
            of_book,
            clearing: vec![0; assets.all().len()],
            insurance: vec![0; assets.all().len()],
            next_position: FIRST_POSITION,
            emptied: Vec::new(),
        }
    }
    /// The place of an instrument's contract, if it has one.
    #[inline(always)]
    pub fn find(&self, instrument: InstrumentId) -> Option<u32> {
        self.of_book.get(instrument.index()).copied().filter(|&place| place != NONE)
    }
    pub fn position(&self, at: u32, slot: u32) -> &Position {
        &self.list[at as usize].positions[slot as usize]
    }
    pub fn position_mut(&mut self, at: u32, slot: u32) -> &mut Position {
        &mut self.list[at as usize].positions[slot as usize]
    }
    /// The places of an account's positions, by instrument.
    pub fn of_record(&self, record: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let each = self.list.iter().zip(0..);
        each.filter_map(move |(perpetual, at)| Some((at, perpetual.find(record)?)))
    }
}

/// A refusal that only perpetuals have.
pub(crate) const fn refused(why: PerpetualRejection) -> Rejection {
    Rejection::Perpetual(why)
}

impl Engine {
    /// The place of the account's position in a perpetual, made if there is none.
    pub(crate) fn open_position(&mut self, at: u32, account: AccountId) -> u32 {
        let record = self.open_account(account);
        let perpetual = &mut self.perpetuals.list[at as usize];
        if let Some(slot) = perpetual.find(record) {
            return slot;
        }
        self.ledger.set_margined(record);
        let blank = perpetual.blank(account, record);
        perpetual.positions.push(blank);
        let records = perpetual.of_record.len().max(record as usize + 1);
        perpetual.of_record.resize(records, 0);
        let place = perpetual.positions.len() as u32;
        perpetual.of_record[record as usize] = place;
        place - 1
    }

    /// What is asked of perpetuals.
    #[cold]
    pub(crate) fn act_perpetual(&mut self, action: &PerpetualAction, teller: &mut Teller<'_>) {
        let done = match *action {
            PerpetualAction::Reduce(ref new) => match self.contract(new.instrument) {
                Ok(at) => {
                    self.place_in_perpetual(at, new, true, teller);
                    Ok(())
                }
                Err(why) => Err(why),
            },
            PerpetualAction::SetLeverage { account, instrument, leverage } => {
                self.set_leverage(account, instrument, leverage, teller)
            }
            PerpetualAction::SetMarginMode { account, instrument, mode } => {
                self.set_margin_mode(account, instrument, mode, teller)
            }
            PerpetualAction::AddMargin { account, instrument, amount } => {
                self.add_margin(account, instrument, amount, teller)
            }
            PerpetualAction::Insure { account, asset, amount } => {
                self.insure(account, asset, amount, teller)
            }
            PerpetualAction::Quote { instrument, constituent, price } => {
                self.quote(instrument, constituent, price, teller)
            }
            PerpetualAction::Mark(instrument) => {
                self.contract(instrument).map(|at| self.pass_mark(at, teller))
            }
        };
        if let Err(why) = done {
            self.reject(action.instrument().unwrap_or(InstrumentId::NONE), why, teller);
        }
    }

    pub(crate) fn contract(&self, instrument: InstrumentId) -> Result<u32, Rejection> {
        if instrument.index() >= self.books.len() {
            return Err(Rejection::UnknownInstrument);
        }
        self.perpetuals.find(instrument).ok_or(refused(PerpetualRejection::NotAPerpetual))
    }

    /// Tells something of a perpetual.
    pub(crate) fn tell_of(&self, at: u32, event: PerpetualEvent, teller: &mut Teller<'_>) {
        let instrument = self.perpetuals.list[at as usize].terms.instrument;
        teller.tell(instrument, || EventBody::Perpetual(event));
    }

    pub(crate) fn tell_position(&self, at: u32, slot: u32, teller: &mut Teller<'_>) {
        let state = self.perpetuals.position(at, slot).state();
        self.tell_of(at, PerpetualEvent::Position(state), teller);
    }
}

/// What may be read between commands.
impl Engine {
    /// An account's position in a perpetual, open or closed; `None` if it never had one there, nor chose anything.
    #[must_use]
    pub fn position(&self, account: AccountId, instrument: InstrumentId) -> Option<PositionState> {
        let perpetual = &self.perpetuals.list[self.perpetuals.find(instrument)? as usize];
        let slot = perpetual.find(self.accounts.record_of(account)?)?;
        Some(perpetual.positions[slot as usize].state())
    }
    /// The prices of a perpetual; `None` if it is none, or has no mark yet.
    #[must_use]
    pub fn marks(&self, instrument: InstrumentId) -> Option<MarkState> {
        self.perpetuals.list[self.perpetuals.find(instrument)? as usize].marks.state()
    }
    /// What the insurance fund has of an asset; negative is what it was short of.
    #[must_use]
    pub fn insurance(&self, asset: AssetId) -> Amount {
        Amount(self.perpetuals.insurance.get(asset.index()).copied().unwrap_or(0))
    }
    /// What the clearing house has of an asset: the profit that open positions have and have not been paid, all together.
    #[must_use]
    pub fn clearing(&self, asset: AssetId) -> Amount {
        Amount(self.perpetuals.clearing.get(asset.index()).copied().unwrap_or(0))
    }
    /// What an account may still spend of an asset, on whatever it likes: what is available less what its positions and
    /// orders in perpetuals take of it. Negative if they take more.
    #[must_use]
    pub fn free(&self, account: AccountId, asset: AssetId) -> Amount {
        match self.accounts.record_of(account) {
            Some(record) if self.assets.get(asset).is_some() => self.free_of(record, asset),
            _ => Amount::ZERO,
        }
    }
    /// When funding is exchanged next in a perpetual.
    #[must_use]
    pub fn next_funding(&self, instrument: InstrumentId) -> Option<Time> {
        self.marks(instrument).map(|state| state.next_funding)
    }
}
