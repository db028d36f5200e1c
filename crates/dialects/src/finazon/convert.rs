//! Between our words and the venue's: which instrument a publisher's ticker is, by which names a publisher can be asked
//! for, and in which wordings its bars are told. Sections B3.1 and B3.5.

use model::{Instrument, InstrumentId, Listing};

use super::channel::{Frequency, is_code, is_ticker};
use super::{ListingError, NAME, Options};
use crate::dialect::Wording;

/// All publishers, and all names by which they can be asked for.
#[derive(Debug)]
pub struct Catalogue {
    publishers: Vec<Publisher>,
    /// The names by which they can be asked for; a publisher's own name comes first.
    faces: Vec<Face>,
    /// The rules and the ticker of each listed instrument, dense by instrument.
    listed: Vec<Option<Listed>>,
    /// What bars can be restricted to, besides nothing.
    mics: Vec<String>,
}

/// Who publishes.
#[derive(Debug)]
pub struct Publisher {
    /// `sip`
    pub code: Box<str>,
    /// What it publishes, sorted by ticker.
    tickers: Vec<(Box<str>, InstrumentId)>,
    /// Whether its tickers are pairs of assets, as `BTC/USDT`, and not shares.
    of_pairs: bool,
}

/// A name by which a publisher can be asked for, and which its bars then say.
#[derive(Debug)]
struct Face {
    /// A place in `publishers`.
    publisher: usize,
    /// The data set's name; `None` if the publisher is named itself.
    dataset: Option<Box<str>>,
    /// How a bar begins, by frequency: up to its ticker.
    heads: [Box<[u8]>; Frequency::ALL.len()],
}

/// An instrument that is listed.
#[derive(Debug)]
pub struct Listed {
    /// Its rules.
    pub instrument: Instrument,
    /// What it is called.
    pub ticker: Box<str>,
}

/// A publisher that was asked for, and by which name.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The publisher.
    pub publisher: &'a Publisher,
    /// The data set that was named; empty if it was the publisher.
    pub dataset: &'a str,
    /// A place in `faces`.
    face: usize,
}

impl Publisher {
    /// What a ticker of it stands for.
    pub fn instrument(&self, ticker: &str) -> Option<InstrumentId> {
        let found = self.tickers.binary_search_by(|(known, _)| (**known).cmp(ticker));
        found.ok().map(|at| self.tickers[at].1)
    }
    /// Everything it publishes.
    pub fn instruments(&self) -> impl Iterator<Item = InstrumentId> {
        self.tickers.iter().map(|(_, instrument)| *instrument)
    }
}

impl Catalogue {
    /// That of the listings which have a symbol here: `publisher:ticker`.
    pub fn new(listings: &[Listing], options: &Options) -> Result<Self, ListingError> {
        let mut publishers: Vec<Publisher> = Vec::new();
        let size = listings.iter().map(|listing| listing.instrument.id.index() + 1).max();
        let mut listed: Vec<Option<Listed>> = (0..size.unwrap_or(0)).map(|_| None).collect();
        for listing in listings {
            let Some(symbol) = listing.symbol_in(NAME) else { continue };
            let parts = symbol.split_once(':');
            let parts = parts.filter(|(code, ticker)| is_code(code) && is_ticker(ticker));
            let Some((code, ticker)) = parts else {
                return Err(ListingError::BadSymbol(symbol.into()));
            };
            let id = listing.instrument.id;
            let at =
                publishers.iter().position(|known| *known.code == *code).unwrap_or_else(|| {
                    publishers.push(Publisher::new(code));
                    publishers.len() - 1
                });
            publishers[at].tickers.push((ticker.into(), id));
            let (instrument, ticker) = (listing.instrument.clone(), ticker.into());
            listed[id.index()] = Some(Listed { instrument, ticker });
        }
        for (code, source) in &options.feeds {
            if !is_code(code) {
                return Err(ListingError::BadFeed(code.clone()));
            }
            let has_own = publishers.iter().any(|known| *known.code == **code);
            let source = publishers.iter().find(|known| *known.code == **source);
            if let Some(source) = source.filter(|_| !has_own) {
                let tickers = source.tickers.clone();
                publishers.push(Publisher { tickers, ..Publisher::new(code) });
            }
        }
        for publisher in &mut publishers {
            publisher.tickers.sort();
            let ticker = |at: usize| &publisher.tickers[at].0;
            if let Some(at) = (1..publisher.tickers.len()).find(|&at| ticker(at - 1) == ticker(at))
            {
                let symbol = format!("{}:{}", publisher.code, ticker(at));
                return Err(ListingError::DoubleSymbol(symbol));
            }
            publisher.of_pairs = publisher.tickers.iter().any(|(it, _)| it.contains('/'));
        }
        if let Some(bad) = options.mics.iter().find(|mic| !is_code(mic)) {
            return Err(ListingError::BadMarket(bad.clone()));
        }
        let mics = options.mics.clone();
        let mut catalogue = Self { publishers, faces: Vec::new(), listed, mics };
        catalogue.name(options)?;
        Ok(catalogue)
    }

    /// Finds all names by which publishers can be asked for.
    fn name(&mut self, options: &Options) -> Result<(), ListingError> {
        let place = |code: &str| self.publishers.iter().position(|known| *known.code == *code);
        let own = (0..self.publishers.len()).map(|publisher| (publisher, None));
        let mut named: Vec<(usize, Option<&str>)> = own.collect();
        for (dataset, publisher) in &options.datasets {
            if !is_code(dataset) {
                return Err(ListingError::BadDataset(dataset.clone()));
            }
            named.extend(place(publisher).map(|publisher| (publisher, Some(&**dataset))));
        }
        // A data set that nothing is said of has the name of its publisher.
        for (publisher, it) in self.publishers.iter().enumerate() {
            if options.datasets.iter().all(|(dataset, _)| **dataset != *it.code) {
                named.push((publisher, Some(&it.code)));
            }
        }
        let face = |(publisher, dataset): (usize, Option<&str>)| {
            let code = &self.publishers[publisher].code;
            let aggregation = if options.aggr_literal_seed { " 1m" } else { "1m" };
            let heads = Frequency::ALL.map(|frequency| {
                let d = dataset.map_or_else(String::new, |name| format!(r#""d":"{name}","#));
                let f = frequency.name();
                let head = format!(
                    r#"{{{d}"p":"{code}","ch":"bars","f":"{f}","aggr":"{aggregation}","s":""#
                );
                head.into_bytes().into()
            });
            Face { publisher, dataset: dataset.map(Into::into), heads }
        };
        self.faces = named.into_iter().map(face).collect();
        match u16::try_from(self.faces.len() * self.selectors()) {
            Ok(_) => Ok(()),
            Err(_) => Err(ListingError::TooManyNames),
        }
    }

    /// How many markets a publisher's bars can be restricted to at most, none counted too.
    fn selectors(&self) -> usize {
        1 + self.mics.len().max(1)
    }

    /// The publisher of this name.
    pub fn publisher<'a>(&'a self, code: &str) -> Option<Asked<'a>> {
        let face = self.publishers.iter().position(|known| *known.code == *code)?;
        Some(Asked { publisher: &self.publishers[face], dataset: "", face })
    }

    /// The publisher of a data set.
    pub fn dataset<'a>(&'a self, name: &str) -> Option<Asked<'a>> {
        let face = self.faces.iter().position(|face| face.dataset.as_deref() == Some(name))?;
        let Face { publisher, dataset, .. } = &self.faces[face];
        let publisher = &self.publishers[*publisher];
        Some(Asked { publisher, dataset: dataset.as_deref()?, face })
    }

    /// How the bars are told that were asked for so; `Err` is the market that there is not. Section B3-8: shares are
    /// listed at the configured markets, and pairs are traded at the market of their publisher's name.
    pub fn wording<'m>(
        &self,
        asked: &Asked<'_>,
        mic: &'m str,
        market: &'m str,
    ) -> Result<Wording, &'m str> {
        let of_pairs = asked.publisher.of_pairs;
        let selector = match (mic, market) {
            ("", "") => 0,
            (mic, "") => {
                let known = self.mics.iter().position(|known| known == mic);
                1 + known.filter(|_| !of_pairs).ok_or(mic)?
            }
            ("", market) if of_pairs && *asked.publisher.code == *market => 1,
            ("", market) => return Err(market),
            (mic, market) => return Err(if of_pairs { mic } else { market }),
        };
        let number = asked.face * self.selectors() + selector;
        Ok(Wording(u16::try_from(number).expect("there are fewer wordings, as was counted")))
    }

    /// How a bar in this wording begins.
    pub fn head(&self, wording: Wording, frequency: Frequency) -> Option<&[u8]> {
        let face = self.faces.get(usize::from(wording.0) / self.selectors())?;
        Some(&face.heads[frequency as usize])
    }

    /// What is known of an instrument, if it is listed.
    pub fn listed(&self, instrument: InstrumentId) -> Option<&Listed> {
        self.listed.get(instrument.index())?.as_ref()
    }
}

impl Publisher {
    fn new(code: &str) -> Self {
        Self { code: code.into(), tickers: Vec::new(), of_pairs: false }
    }
}
