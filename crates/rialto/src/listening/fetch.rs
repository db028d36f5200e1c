//! The HTTP half of a venue, as far as one who listens needs it: `GET`, with a bound on time and size.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONNECTION, HOST, USER_AGENT as WHO};
use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use model::decimal::DECIMALS_MAX;
use model::{Decimal, Instrument, InstrumentId, Listing, Minimum, Quantity};
use serde::Deserialize;
use tokio::task::JoinSet;

use super::line::Caller;
use super::target::{Origin, Target};
use crate::run::Failure;

/// The longest body that is taken.
const BODY_BYTES_MAX: usize = feed::recording::PAYLOAD_BYTES_MAX;
/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Who asks.
pub const USER_AGENT: &str = concat!("rialto/", env!("CARGO_PKG_VERSION"));

/// Fetches pages of one venue.
#[derive(Clone)]
pub struct Fetcher {
    http: Origin,
    caller: Caller,
    target: Arc<dyn Fn(&str) -> String + Send + Sync>,
}

impl Fetcher {
    /// For the HTTP half of this venue.
    ///
    /// # Errors
    /// [`Failure`] if whom to trust cannot be known.
    pub fn new(target: &Target) -> Result<Self, Failure> {
        let caller = Caller::new(target.socket.tls || target.http.tls)?;
        let pages = target.pages();
        Ok(Self { http: target.http.clone(), caller, target: Arc::new(pages) })
    }

    /// Who makes connections.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Asks for a page of the venue: its status and its body.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn get(&self, path: &str) -> Result<(u16, Vec<u8>), String> {
        self.ask((self.target)(path)).await
    }

    async fn ask(&self, path: String) -> Result<(u16, Vec<u8>), String> {
        match tokio::time::timeout(PATIENCE, self.answer(path)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn answer(&self, path: String) -> Result<(u16, Vec<u8>), String> {
        let close = HeaderValue::from_static("close");
        self.open().await?.get(&path, &[(CONNECTION, close)]).await
    }

    /// Opens a connection on which pages are asked for one after the other, as long as neither side ends it.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn open(&self) -> Result<Open, String> {
        let stream = self.caller.call(&self.http).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(worded)?;
        let mut driven = JoinSet::new();
        driven.spawn(connection);
        Ok(Open { sender, host: self.http.host_header(), _driven: driven })
    }

    /// The instruments of a venue that is one of ours, as its native API lists them.
    ///
    /// # Errors
    /// Why they cannot be had.
    pub async fn native_listings(&self) -> Result<Vec<Listing>, String> {
        let (status, body) = self.ask("/rialto/v1/instruments".to_owned()).await?;
        if status != 200 {
            return Err(format!("/rialto/v1/instruments answers with status {status}"));
        }
        listed(&body)
    }
}

/// A connection to the HTTP half of a venue.
pub struct Open {
    sender: SendRequest<Empty<Bytes>>,
    host: String,
    /// What comes and goes on it; ends with it.
    _driven: JoinSet<hyper::Result<()>>,
}

impl Open {
    /// Asks for a page at this very path, with these headers besides the usual ones: its status and its body.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn get(
        &mut self,
        path: &str,
        more: &[(HeaderName, HeaderValue)],
    ) -> Result<(u16, Vec<u8>), String> {
        self.sender.ready().await.map_err(worded)?;
        let mut request = Request::get(path)
            .header(HOST, &self.host)
            .header(WHO, USER_AGENT)
            .header(ACCEPT, "application/json")
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        request.headers_mut().extend(more.iter().cloned());
        let response = self.sender.send_request(request).await.map_err(worded)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| format!("its body cannot be had: {error}"))?;
        Ok((status, body.to_bytes().to_vec()))
    }
}

fn worded(error: hyper::Error) -> String {
    error.to_string()
}

/// The instruments in what the native API lists.
///
/// # Errors
/// Why they are none.
pub fn listed(body: &[u8]) -> Result<Vec<Listing>, String> {
    let told: Told = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let listing = |(at, row): (usize, &Row)| {
        let id = u16::try_from(at).ok().map(InstrumentId);
        let id = id.filter(|&id| id != InstrumentId::NONE);
        row.listing(id.ok_or("it lists too many instruments")?)
    };
    told.instruments.iter().enumerate().map(listing).collect()
}

#[derive(Deserialize)]
struct Told {
    instruments: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    description: String,
    base: String,
    quote: String,
    tick_size: String,
    lot_size: String,
    symbols: std::collections::BTreeMap<String, String>,
}

impl Row {
    fn listing(&self, id: InstrumentId) -> Result<Listing, String> {
        let Self { base, quote, .. } = self;
        let step = |text: &str| match Decimal::parse(text) {
            Ok(step @ Decimal { units: 1.., .. }) => Ok(step),
            _ => Err(format!("{base}/{quote} has a step of {text:?}")),
        };
        let (tick, lot) = (step(&self.tick_size)?, step(&self.lot_size)?);
        let instrument = Instrument {
            id,
            base: base.clone(),
            quote: quote.clone(),
            price_decimals: tick.decimals,
            tick_units: tick.units,
            quantity_decimals: lot.decimals,
            lot_units: lot.units,
            minimum: Minimum::Quantity(Quantity(1)),
        };
        if instrument.value_decimals() > DECIMALS_MAX {
            return Err(format!("{base}/{quote} has too many decimals"));
        }
        Ok(Listing {
            instrument,
            description: self.description.clone(),
            symbols: self.symbols.clone().into_iter().collect(),
        })
    }
}
