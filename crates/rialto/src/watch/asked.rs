//! Asks a venue of ours for one's positions, once a second on one connection. What is told of them is [`super::positions`].
//!
//! The key is shown to nobody but a venue that has just answered as one of ours does.

use std::convert::Infallible;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::positions::{self, Assets, Page};
use crate::asking;
use crate::listening::fetch::{Fetcher, Open};
use crate::listening::secret::Secret;
use crate::run::{Failure, failed};

#[cfg(test)]
mod tests;

/// How often: as often as perpetuals are marked.
const PERIOD: Duration = Duration::from_secs(1);
/// How long the venue may take; what was told before is in doubt then.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it is not asked after it told nothing: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What came of it: the positions; or why there are none to be had, and how long it is not asked again.
pub type Answer = Result<Page, (String, Duration)>;

/// Asks for positions.
pub struct Asker {
    fetcher: Fetcher,
    secret: Secret,
    authorization: (HeaderName, HeaderValue),
}

/// A venue that has answered as one of ours.
struct Venue {
    open: Open,
    assets: Assets,
}

impl Asker {
    /// By the key in the variable `RIALTO_KEY`; none if there is none.
    ///
    /// # Errors
    /// [`Failure`] if what is there cannot be a key.
    pub fn by_the_variable(fetcher: &Fetcher) -> Result<Option<Self>, Failure> {
        asking::key()?.map(|key| Self::by(fetcher, key)).transpose()
    }

    fn by(fetcher: &Fetcher, key: String) -> Result<Self, Failure> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {key}"))
            .map_err(failed(format_args!("use the key in {}", asking::KEY)))?;
        bearer.set_sensitive(true);
        let authorization = (AUTHORIZATION, bearer);
        Ok(Self { fetcher: fetcher.clone(), secret: Secret::new(key), authorization })
    }

    /// Asks until what is told cannot be taken any more.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn ask(
        &self,
        mut tell: impl FnMut(Answer) -> Result<(), Failure>,
    ) -> Result<Infallible, Failure> {
        let mut venue = None;
        let mut pause = PAUSES.0;
        loop {
            let next = Instant::now() + PERIOD;
            let answer = match timeout(PATIENCE, self.turn(&mut venue)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
            };
            match answer {
                Ok(page) => {
                    pause = PAUSES.0;
                    tell(Ok(page))?;
                    sleep_until(next).await;
                }
                Err(why) => {
                    // Whoever answers next may be another.
                    venue = None;
                    tell(Err((self.secret.hide(&why).0, pause)))?;
                    sleep(pause).await;
                    pause = (2 * pause).min(PAUSES.1);
                }
            }
        }
    }

    /// Asks once, or once more on another connection: that one was ended says nothing of the venue.
    async fn turn(&self, venue: &mut Option<Venue>) -> Result<Page, String> {
        if venue.is_some()
            && let Ok(page) = self.told(venue).await
        {
            return Ok(page);
        }
        *venue = None;
        self.told(venue).await
    }

    async fn told(&self, venue: &mut Option<Venue>) -> Result<Page, String> {
        let Venue { open, assets } = match venue {
            Some(venue) => venue,
            None => {
                let mut open = self.fetcher.open().await?;
                let (status, body) = open.get("/rialto/v1/instruments", &[]).await?;
                let assets = positions::assets(status, &body)?;
                venue.insert(Venue { open, assets })
            }
        };
        let (status, body) = open.get("/rialto/v1/status", &[]).await?;
        positions::ready(status, &body)?;
        let key = std::slice::from_ref(&self.authorization);
        let (status, body) = open.get("/rialto/v1/positions?limit=1000", key).await?;
        positions::page(status, &body, assets)
    }
}
