//! The thread: it sends what is in line, calls those who listen, and looks after questions without answers.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{Client, Event, Message, ServerAddr, StatusCode, Subscriber};
use futures_util::Stream;
use tokio::runtime::Runtime;

use super::super::{BusError, MESSAGE_BYTES_MAX, attempt};
use super::line::Order;
use super::{Call, Options, Presence, Shared};

/// How much the client itself takes over of what is in line.
const CLIENT_MESSAGES_MAX: usize = 64;
/// The most messages of a subject that have arrived and were not heard. So many are never long ones: see [`hear`].
const ARRIVED_MESSAGES_MAX: usize = 65_536;
/// How often the connection is looked at, beside when the client tells something.
const LOOK: Duration = Duration::from_millis(100);

/// What the thread does.
pub(super) fn until_the_end(
    runtime: Runtime,
    shared: &Arc<Shared>,
    options: &Options,
    servers: Vec<ServerAddr>,
) {
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = shared.over.notified() => {}
            error = carry(shared, options, servers) => drop(error),
        }
    });
    shared.link.end();
    loop {
        let reply = shared.asks().end();
        let Some(reply) = reply else { break };
        attempt(|| reply(Err(BusError::Down("it has ended".into()))));
    }
    // It may be resolving a name, which nobody waits for.
    runtime.shutdown_background();
}

/// Goes on for ever.
async fn carry(
    shared: &Arc<Shared>,
    options: &Options,
    servers: Vec<ServerAddr>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let told = Arc::new(tokio::sync::Notify::new());
    let (noted, tells) = (Arc::downgrade(shared), Arc::clone(&told));
    let client = options
        .client()?
        .client_capacity(CLIENT_MESSAGES_MAX)
        .subscription_capacity(ARRIVED_MESSAGES_MAX)
        .event_callback(move |event: Event| {
            if let Some(shared) = noted.upgrade() {
                shared.lost.fetch_add(shared.link.note(&event), Ordering::Relaxed);
            }
            tells.notify_one();
            std::future::ready(())
        })
        .connect(servers)
        .await?;
    let inbox = client.new_inbox();
    let replies = client.subscribe(format!("{inbox}.*")).await?;
    tokio::select! {
        () = send(shared, &client, &inbox) => {}
        () = tokio::task::unconstrained(hear_replies(shared, replies)) => {}
        () = tell_who_is_late(shared) => {}
        () = look(shared, &client, &told) => {}
    }
    Ok(())
}

/// Sends what is in line, in order.
async fn send(shared: &Arc<Shared>, client: &Client, inbox: &str) {
    loop {
        let Some(order) = shared.take() else {
            shared.more.notified().await;
            continue;
        };
        match order {
            Order::Say { subject, message } => {
                if client.publish(String::from(subject), message.into()).await.is_err() {
                    shared.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            Order::Ask { subject, question, number } => {
                let reply = format!("{inbox}.{number}");
                let subject = String::from(subject);
                let asked = client.publish_with_reply(subject, reply, question.into()).await;
                if let Err(error) = asked {
                    shared.reply(number, Err(BusError::Down(error.to_string().into())));
                }
            }
            Order::Listen(presence) if presence.listener.is_there() => {
                // The subject was checked, and the client lasts as long as the thread.
                if let Ok(subscriber) = client.subscribe(String::from(&*presence.subject)).await {
                    let hears = hear(Arc::clone(shared), presence, subscriber);
                    drop(tokio::spawn(tokio::task::unconstrained(hears)));
                }
            }
            Order::Listen(_) => {}
        }
    }
}

/// What came next; `None` if nothing will.
async fn next(subscriber: &mut Subscriber) -> Option<Message> {
    std::future::poll_fn(|context| Pin::new(&mut *subscriber).poll_next(context)).await
}

/// Calls somebody who listens, until that is over. It takes all that has arrived before others have their turn, so that
/// the connection is not read faster than it is heard: what has arrived is never more than what the client reads in one
/// turn, which is some megabytes.
async fn hear(shared: Arc<Shared>, presence: Arc<Presence>, mut subscriber: Subscriber) {
    loop {
        let message = tokio::select! {
            biased;
            () = presence.left.notified() => break,
            message = next(&mut subscriber) => message,
        };
        let Some(message) = message else { break };
        if !presence.listener.is_there() {
            break;
        }
        if message.payload.len() > MESSAGE_BYTES_MAX {
            shared.refuse();
            continue;
        }
        // Messages and questions do not share a subject: what is neither here is heard by nobody.
        match (&presence.listener.call, message.reply) {
            (Call::Heard(heard), None) => attempt(|| heard(&message.payload)),
            (Call::Answer(answer), Some(inbox)) => {
                let respond = shared.respond(inbox.to_string());
                attempt(|| answer(&message.payload, respond));
            }
            _ => {}
        }
    }
    let _gone = subscriber.unsubscribe().await;
}

/// Calls those who asked.
async fn hear_replies(shared: &Arc<Shared>, mut replies: Subscriber) {
    while let Some(message) = next(&mut replies).await {
        let number = message.subject.rsplit('.').next().and_then(|number| number.parse().ok());
        let Some(number) = number else { continue };
        let answer = match message.status {
            Some(StatusCode::NO_RESPONDERS) => Err(BusError::Unanswered),
            _ if message.payload.len() > MESSAGE_BYTES_MAX => {
                shared.refuse();
                continue;
            }
            _ => Ok(message.payload.to_vec()),
        };
        shared.reply(number, answer);
    }
}

async fn tell_who_is_late(shared: &Arc<Shared>) {
    loop {
        let late = shared.asks().late(Instant::now());
        if let Some(reply) = late {
            attempt(|| reply(Err(BusError::Late)));
            continue;
        }
        let next = shared.asks().next();
        tokio::select! {
            () = shared.sooner.notified() => {}
            () = at(next) => {}
        }
    }
}

/// Waits until then; for ever if it is never.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// Looks at the connection. What waits when it goes down would be old when it is up again: it is lost.
async fn look(shared: &Arc<Shared>, client: &Client, told: &tokio::sync::Notify) {
    loop {
        if shared.link.look(client) {
            let gone = shared.line.lock().unwrap_or_else(PoisonError::into_inner).clear();
            for order in gone {
                match order {
                    Order::Ask { number, .. } => {
                        let down = shared.link.is_up().err();
                        shared.reply(number, Err(down.unwrap_or(BusError::Unanswered)));
                    }
                    Order::Say { .. } => drop(shared.lost.fetch_add(1, Ordering::Relaxed)),
                    Order::Listen(_) => {}
                }
            }
        }
        let _told_or_not = tokio::time::timeout(LOOK, told.notified()).await;
    }
}
