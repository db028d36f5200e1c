//! Plays a transcript on a stage.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use dialects::{HttpRequest, HttpResponse};
use edge::ws::{Opcode, encode};
use model::{
    Action, EventBody, NewOrder, OrderId, OrderKind, PerpetualAction, Time, TimeInForce, Trade,
    TradeId,
};

use super::{
    Act, Ask, Client, Heard, Line, Lives, Placing, Said, Stage, Step, Transcript, What, signing,
};

/// Where a stage did otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The line of the transcript.
    pub line: usize,
    /// What was expected and what came.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// Plays a transcript to its end, or to where the stage does otherwise. `now` is market time when it begins.
///
/// # Errors
/// [`Failure`]
pub fn play(transcript: &Transcript, stage: &mut dyn Stage, now: Time) -> Result<(), Failure> {
    let mut player = Player {
        stage,
        lines: Vec::new(),
        orders: BTreeMap::new(),
        closed: BTreeSet::new(),
        now,
        prints: 0,
        asked: 0,
    };
    for Step { line, what } in &transcript.steps {
        player.step(what).map_err(|what| Failure { line: *line, what })?;
    }
    let end = transcript.steps.last().map_or(0, |step| step.line);
    for client in 0..player.lines.len() {
        player.end(client).map_err(|what| Failure { line: end, what })?;
    }
    Ok(())
}

/// The key with which the client half masks: any will do.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

struct Player<'a> {
    stage: &'a mut dyn Stage,
    /// By client.
    lines: Vec<Option<Line>>,
    orders: BTreeMap<String, (Placing, OrderId)>,
    /// Who was told a close.
    closed: BTreeSet<Client>,
    now: Time,
    prints: u64,
    /// Requests over HTTP so far.
    asked: u64,
}

impl Player<'_> {
    fn step(&mut self, what: &What) -> Result<(), String> {
        match what {
            What::Say(client, said) => {
                let line = self.line(*client);
                self.stage.send(line, &wire(said));
            }
            What::Open(client, target, headers) => self.open(*client, target, headers)?,
            What::Hear(client, expected) => {
                let line = self.line(*client);
                let heard = self.stage.hear(line);
                if matches!(heard, Some(Heard::Close(..) | Heard::Dropped)) {
                    self.closed.insert(*client);
                }
                match heard {
                    Some(heard) if heard == *expected => {}
                    heard => return Err(differs(&told(Some(expected)), &told(heard.as_ref()))),
                }
            }
            What::HearUntil(client, expected) => {
                let line = self.line(*client);
                loop {
                    match self.stage.hear(line) {
                        Some(heard) if heard == *expected => {
                            self.closed.insert(*client);
                            break;
                        }
                        Some(Heard::Dropped) | None => {
                            return Err(differs(&told(Some(expected)), "nothing of the kind"));
                        }
                        Some(_) => {}
                    }
                }
            }
            What::Silence(client) => self.silence(*client)?,
            What::Stall(client) | What::Read(client) => {
                let line = self.line(*client);
                self.stage.stall(line, matches!(what, What::Stall(_)));
            }
            What::Act(act) => self.act(act)?,
            What::Tick => {
                let span = self.stage.until_tick();
                self.pass(span);
            }
            What::Pass(span) => self.pass(*span),
            What::Wait(span) => self.stage.wait(*span),
            What::Live(span) => self.live(*span)?,
            What::Ask(ask) => self.ask(ask)?,
            What::Admit(person) => self.stage.admit(person),
            What::Revoke(person) => self.stage.revoke(person),
            What::Block(person, blocked) => self.stage.block(person, *blocked),
            What::FailDisk => self.stage.fail_disk(),
            What::ShutDown => self.stage.shut_down(),
        }
        Ok(())
    }

    fn line(&mut self, client: Client) -> Line {
        if let Some(line) = *self.place(client) {
            return line;
        }
        let line = self.stage.connect();
        *self.place(client) = Some(line);
        line
    }

    fn open(
        &mut self,
        client: Client,
        target: &str,
        headers: &[(String, String)],
    ) -> Result<(), String> {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let line = self.stage.knock(target, &headers).map_err(|refusal| {
            format!("refused with {}: {}", refusal.status, refusal.body.escape_ascii())
        })?;
        match self.place(client).replace(line) {
            None => Ok(()),
            Some(_) => Err("it was connected already".to_owned()),
        }
    }

    fn place(&mut self, client: Client) -> &mut Option<Line> {
        if self.lines.len() <= client {
            self.lines.resize(client + 1, None);
        }
        &mut self.lines[client]
    }

    fn silence(&mut self, client: Client) -> Result<(), String> {
        let line = self.line(client);
        match self.stage.overhear(line) {
            // An end that nobody expected is told where something was; here nothing had to be.
            None => Ok(()),
            heard => Err(differs("nothing", &told(heard.as_ref()))),
        }
    }

    /// At the end nothing waits. On a line on which a close was said only the drop can come, in its own time.
    fn end(&mut self, client: Client) -> Result<(), String> {
        if self.closed.contains(&client) {
            return Ok(());
        }
        // Who never came was told nothing.
        let Some(line) = self.lines[client] else { return Ok(()) };
        match self.stage.overhear(line) {
            None => Ok(()),
            heard => Err(differs("nothing", &told(heard.as_ref()))),
        }
    }

    fn live(&mut self, span: Duration) -> Result<(), String> {
        const STEP: Duration = Duration::from_secs(27);
        let line = self.line(0);
        let mut left = span;
        while !left.is_zero() {
            let step = left.min(STEP);
            self.stage.wait(step);
            left -= step;
            match self.stage.overhear(line) {
                Some(Heard::Ping(payload)) => self.stage.send(line, &wire(&Said::Pong(payload))),
                None => {}
                heard => return Err(differs("at most a ping", &told(heard.as_ref()))),
            }
        }
        Ok(())
    }

    fn pass(&mut self, span: model::Span) {
        self.stage.pass(span);
        self.now = self.now + span;
    }

    fn ask(&mut self, ask: &Ask) -> Result<(), String> {
        self.asked += 1;
        let wall = self.stage.wall();
        let sent = signing::Sent::new(ask, self.asked, wall, self.stage.host());
        if ask.method == "UPGRADE" {
            let query = ask.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
            let target = format!("{}{query}", ask.path);
            return match self.stage.knock(&target, &sent.headers()) {
                Ok(_) => Err("it was let in".to_owned()),
                Err(response) => answers(ask, &response),
            };
        }
        let response = self.stage.ask(&HttpRequest {
            query: ask.query.as_deref(),
            headers: &sent.headers(),
            body: ask.form.as_bytes(),
            wall,
            ..HttpRequest::bare(&ask.method, &ask.path)
        });
        answers(ask, &response)?;
        sent.check(&response)
    }

    fn act(&mut self, act: &Act) -> Result<(), String> {
        match act {
            Act::Place(placing) => {
                let mut placing = placing.clone();
                let label = placing.label.take();
                let order = self.order(&placing);
                let action = match placing.reduces {
                    true => Action::Perpetual(PerpetualAction::Reduce(order)),
                    false => Action::Place(order),
                };
                let id = self.submit(action)?;
                if let (Some(label), Some(id)) = (label, id) {
                    self.orders.insert(label, (placing, id));
                }
            }
            Act::Cancel(label) => {
                let (placing, order) = self.placed(label)?;
                let (account, instrument) = (placing.account, placing.instrument);
                self.submit(Action::Cancel { account, instrument, order })?;
            }
            Act::Replace(label, quantity, price) => {
                let (placing, order) = self.placed(label)?;
                let action = Action::Replace {
                    account: placing.account,
                    instrument: placing.instrument,
                    order,
                    price: *price,
                    quantity: *quantity,
                };
                if let Some(id) = self.submit(action)? {
                    self.orders.insert(label.clone(), (placing, id));
                }
            }
            Act::CancelAll(account) => {
                self.submit(Action::CancelAll { account: *account, instrument: None })?;
            }
            Act::Move(action) => {
                self.submit(*action)?;
            }
            Act::SelfTrade(account, policy) => {
                self.submit(Action::SetSelfTradePolicy { account: *account, policy: *policy })?;
            }
            Act::Perpetual(action) => {
                self.submit(Action::Perpetual(*action))?;
            }
            Act::Status(instrument, status) => {
                self.submit(Action::SetStatus { instrument: *instrument, status: *status })?;
            }
            Act::Book(instrument, book) => {
                self.stage.tell(*instrument, EventBody::BookSnapshot(Box::new(book.clone())));
            }
            Act::Change(instrument, book) => {
                self.stage.tell(*instrument, EventBody::BookDelta(Box::new(book.clone())));
            }
            Act::Print(instrument, aggressor, quantity, price) => {
                self.prints += 1;
                let trade = Trade {
                    id: TradeId(self.prints),
                    time: self.now,
                    price: *price,
                    quantity: *quantity,
                    aggressor: *aggressor,
                    maker: OrderId(1_000 + self.prints),
                    taker: OrderId(2_000 + self.prints),
                    maker_account: None,
                    taker_account: None,
                };
                self.stage.tell(*instrument, EventBody::Printed(trade));
            }
        }
        Ok(())
    }

    fn placed(&self, label: &str) -> Result<(Placing, OrderId), String> {
        self.orders.get(label).cloned().ok_or_else(|| format!("no order is called {label}"))
    }

    fn order(&self, placing: &Placing) -> NewOrder {
        NewOrder {
            account: placing.account,
            instrument: placing.instrument,
            side: placing.side,
            kind: placing.kind,
            quantity: placing.quantity,
            time_in_force: match placing.lives {
                // A market order never waits.
                Lives::Long if placing.kind == OrderKind::Market => TimeInForce::ImmediateOrCancel,
                Lives::Long => TimeInForce::GoodTillCanceled,
                Lives::AtOnce => TimeInForce::ImmediateOrCancel,
                Lives::AllOrNothing => TimeInForce::FillOrKill,
                Lives::For(span) => TimeInForce::GoodTillDate(self.now + span),
            },
            post_only: placing.post_only,
            trigger: placing.trigger,
        }
    }

    /// Acts; returns the order that came of it, if one did.
    fn submit(&mut self, action: Action) -> Result<Option<OrderId>, String> {
        let mut order = None;
        for event in self.stage.act(action) {
            match event.body {
                EventBody::Created(state) | EventBody::Armed(state) if order.is_none() => {
                    order = Some(state.id);
                }
                EventBody::Replaced { new, .. } => order = Some(new.id),
                EventBody::Rejected(why) => return Err(format!("the market refused: {why:?}")),
                _ => {}
            }
        }
        Ok(order)
    }
}

/// Whether a response is the one that is expected.
fn answers(ask: &Ask, response: &HttpResponse) -> Result<(), String> {
    let head = |status: u16, content_type: Option<&str>| match content_type {
        Some(content_type) => format!("{status} {content_type}"),
        None => status.to_string(),
    };
    let expected = head(ask.status, ask.content_type.as_deref());
    let answered = head(response.status, response.content_type);
    let body = String::from_utf8_lossy(&response.body);
    if expected != answered || ask.body.as_ref().is_some_and(|expected| *expected != body) {
        let expected = format!("{expected}\n{}", ask.body.as_deref().unwrap_or("(any)"));
        return Err(differs(&expected, &format!("{answered}\n{body}")));
    }
    Ok(())
}

fn wire(said: &Said) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut frame =
        |opcode, payload: &[u8]| encode::push_client_frame(&mut bytes, opcode, KEY, payload);
    match said {
        Said::Text(text) => frame(Opcode::Text, text.as_bytes()),
        Said::Binary(text) => frame(Opcode::Binary, text.as_bytes()),
        Said::Ping(text) => frame(Opcode::Ping, text.as_bytes()),
        Said::Pong(text) => frame(Opcode::Pong, text.as_bytes()),
        Said::Long(length) => frame(Opcode::Text, &vec![b' '; *length]),
        Said::Close(code, reason) => {
            encode::push_client_close(&mut bytes, KEY, Some(*code), reason);
        }
        Said::Raw(raw) => bytes.extend_from_slice(raw),
    }
    bytes
}

fn told(heard: Option<&Heard>) -> String {
    match heard {
        None => "nothing".to_owned(),
        Some(Heard::Text(text)) => text.clone(),
        Some(other) => format!("{other:?}"),
    }
}

fn differs(expected: &str, came: &str) -> String {
    let same = expected.bytes().zip(came.bytes()).take_while(|(one, other)| one == other).count();
    format!("differs after {same} bytes\n  expected {expected}\n  came     {came}")
}
