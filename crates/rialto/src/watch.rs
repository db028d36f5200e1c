//! `rialto watch`: shows the book, the tape and the candles of any venue that speaks one of the five dialects, ours or a real
//! one; on a terminal as a view, with `--json` as one line an event; of a venue of ours one's positions too. `docs/watch.md`
//! describes both.
//!
//! It listens as `rialto record` does ([`crate::listening`]), and [`asked`] asks for positions. [`seen`] holds what is seen and
//! [`view`] draws it, both pure; [`lines`] words it for pipes; [`screen`] has the terminal. Here they are put together.

mod asked;
mod keys;
mod lines;
mod positions;
mod screen;
mod seen;
#[cfg(test)]
mod tests;
mod view;

use std::cell::RefCell;
use std::io::{self, ErrorKind, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Args;
use dialects::{Connector, Heard};
use feed::recording::What;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::listening::Venue;
use crate::listening::fetch::Fetcher;
use crate::listening::listener::{Listener, Until, Witness};
use crate::run::{Failure, failed};

use self::asked::{Answer, Asker};
use self::keys::Key;
use self::lines::Lines;
use self::positions::Positions;
use self::screen::Screen;
use self::seen::{INTERVALS, MINUTE, News, Seen};
use self::view::Look;

/// How often the view is drawn.
const PERIOD: Duration = Duration::from_millis(100);
/// How long after an escape more of the same key may come.
const ESCAPE: Duration = Duration::from_millis(50);
/// How long the venue's goodbye is waited for.
const GOODBYE: Duration = Duration::from_secs(3);

/// Options of `watch`.
#[derive(Args, Debug)]
pub struct Watch {
    /// Which venue.
    #[command(flatten)]
    pub venue: Venue,
    /// What to watch, by symbol or BASE-QUOTE; may be given again [default: all if there are at most 16]
    #[arg(long = "market", value_name = "INSTRUMENT")]
    pub markets: Vec<String>,
    /// Print one line of JSON an event, and show no view
    #[arg(long)]
    pub json: bool,
    /// The candles' interval: 1s, 10s, 1m, 5m, 15m or 1h
    #[arg(long, value_name = "INTERVAL", default_value = "1m", value_parser = interval)]
    pub interval: usize,
}

fn interval(text: &str) -> Result<usize, String> {
    INTERVALS.iter().position(|(name, _)| *name == text).ok_or_else(|| {
        let names = INTERVALS.map(|(name, _)| name).join(", ");
        format!("{text:?} is none of {names}")
    })
}

/// Watches until it is asked to end.
///
/// # Errors
/// [`Failure`] if there is nothing to show or no way to show it.
pub fn run(options: &Watch) -> Result<(), Failure> {
    let (tongue, mut target) = options.venue.target()?;
    let secret = options.venue.secret(tongue, &mut target)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("start"))?;
    let fetcher = Fetcher::new(&target)?;
    // Positions are told by venues of ours alone.
    let asker = if target.is_published() { None } else { Asker::by_the_variable(&fetcher)? };
    // Who has no terminal is told so before anybody is called.
    if !options.json {
        Screen::is_there()?;
    }
    runtime.block_on(async {
        // 1. What is there, and by which rules.
        let until = Until::of(options.venue.lasts)?;
        let (listings, _) = options.venue.listings(&options.markets, tongue, &fetcher).await?;
        // 2. The conversation, and what is seen of it.
        let url = secret.hide(&target.url()).0;
        let tells = tongue.published.tells;
        let mut seen = Seen::new(&listings, tongue.name, tells);
        seen.positions = asker.as_ref().map(|_| Positions::default());
        let seen = Rc::new(RefCell::new(seen));
        let told = options.json.then(|| {
            let lines = Lines::new(&listings, tongue.name, url.clone(), options.interval);
            Rc::new(RefCell::new(Told { lines, text: String::new(), is_unread: false }))
        });
        let watcher = Watcher { seen: Rc::clone(&seen), told: told.clone() };
        let witness = watcher.clone();
        let connector = (tongue.connector)(&listings, secret.text());
        let (beat, says) = (tongue.published.beat, Vec::new());
        let mut listener = Listener { target, secret, connector, beat, fetcher, witness, says };
        let mut asking = std::pin::pin!(async {
            match &asker {
                Some(asker) => asker.ask(|answer| watcher.told(answer)).await,
                None => std::future::pending().await,
            }
        });
        if let Some(told) = told {
            let ended = tokio::select! {
                ended = listener.listen(until) => ended.map(|_| ()),
                Err(failure) = &mut asking => Err(failure),
            };
            // Whoever reads no further has seen enough.
            return if told.borrow().is_unread { Ok(()) } else { ended };
        }
        let screen = Screen::take()?;
        let asked = Rc::new(Notify::new());
        let mut listening = std::pin::pin!(listener.listen(until.or(Rc::clone(&asked))));
        let title = format!("{} at {url}", tongue.name);
        let look = Look {
            now: Instant::now(),
            market: 0,
            interval: if tells == dialects::published::Tells::Bars {
                MINUTE
            } else {
                options.interval
            },
            colours: std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()),
        };
        let shown = tokio::select! {
            ended = &mut listening => return ended.map(|_| ()),
            Err(failure) = &mut asking => return Err(failure),
            shown = show(screen, &seen, &title, look) => shown,
        };
        // 3. The end: the terminal is given back already, the venue hears a goodbye.
        asked.notify_one();
        let _said = tokio::time::timeout(GOODBYE, listening).await;
        shown
    })
}

/// Shows what is seen until somebody quits.
async fn show(
    mut screen: Screen,
    seen: &RefCell<Seen>,
    title: &str,
    mut look: Look,
) -> Result<(), Failure> {
    let mut typed = Screen::typed()?;
    let mut resized = signal(SignalKind::window_change()).map_err(failed("wait for a signal"))?;
    let mut beat = tokio::time::interval(PERIOD);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.now = Instant::now();
        screen.draw(|area, cells| view::draw(&seen.borrow(), title, &look, area, cells))?;
        tokio::select! {
            _ = beat.tick() => {}
            _ = resized.recv() => {}
            bytes = typed.recv() => {
                // A terminal that nobody can type on any more is gone.
                let Some(mut bytes) = bytes else { return Ok(()) };
                while keys::is_open(&bytes)
                    && let Ok(Some(more)) = tokio::time::timeout(ESCAPE, typed.recv()).await
                {
                    bytes.extend(more);
                }
                let markets = seen.borrow().markets.len();
                for key in keys::read(&bytes) {
                    match key {
                        Key::Quit => return Ok(()),
                        Key::Next => look.market = (look.market + 1) % markets,
                        Key::Previous => look.market = (look.market + markets - 1) % markets,
                        Key::Interval => look.interval = (look.interval + 1) % INTERVALS.len(),
                    }
                }
            }
        }
    }
}

/// Sees what is heard and told, and tells it where lines are asked for.
#[derive(Clone)]
struct Watcher {
    seen: Rc<RefCell<Seen>>,
    told: Option<Rc<RefCell<Told>>>,
}

/// Lines on stdout.
struct Told {
    lines: Lines,
    text: String,
    /// Whether nobody reads them any more.
    is_unread: bool,
}

impl Watcher {
    /// Sees something, and tells what is new in it.
    fn sees(&self, see: impl FnOnce(&mut Seen, &mut Vec<News>)) -> Result<(), Failure> {
        let mut news = Vec::new();
        see(&mut self.seen.borrow_mut(), &mut news);
        let Some(told) = &self.told else { return Ok(()) };
        let Told { lines, text, is_unread } = &mut *told.borrow_mut();
        news.iter().for_each(|news| lines.push(news, text));
        if text.is_empty() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        text.clear();
        written.map_err(|error| {
            *is_unread = error.kind() == ErrorKind::BrokenPipe;
            failed("write to stdout")(error)
        })
    }

    /// What came of asking for positions.
    fn told(&self, answer: Answer) -> Result<(), Failure> {
        self.sees(|seen, news| seen.told(answer, Instant::now(), news))
    }
}

impl Witness for Watcher {
    fn note(&mut self, what: What, _: bool) -> Result<(), Failure> {
        self.sees(|seen, news| match what {
            What::Called { .. } => seen.standing = seen::Standing::Calling,
            What::Opened { .. } => seen.opened(news),
            What::Heard(_) => seen.last = Some(Instant::now()),
            _ => {}
        })
    }

    fn heard(&mut self, connector: &dyn Connector, heard: &[Heard]) -> Result<(), Failure> {
        self.sees(|seen, news| seen.heard(connector, heard, news))
    }

    fn gap(&mut self, why: &str) -> Result<(), Failure> {
        self.sees(|seen, news| seen.gap(why, news))
    }

    fn again(&mut self, why: &str, pause: Duration) -> Result<(), Failure> {
        self.sees(|seen, news| seen.again(why, pause, Instant::now(), news))
    }
}
