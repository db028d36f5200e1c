//! Says in plain sentences why a connection ended, and what to do about it.

use std::time::Duration;

use dialects::{Manners, Parting};

use crate::goodbye::{Goodbye, Reason};

/// Why it ended.
pub(super) fn why(goodbye: &Goodbye, manners: &Manners) -> String {
    match goodbye.reason {
        Reason::Parted(Parting::Shutdown) => {
            "the server was asked to end, and asked everybody to leave".to_owned()
        }
        Reason::Parted(Parting::TooOld) => {
            let age = manners.age_max.map_or_else(|| span(goodbye.age), span);
            format!("it had become as old as a connection may, {age}")
        }
        Reason::Parted(Parting::SlowConsumer) => slow(goodbye, manners),
        Reason::Parted(Parting::TooManySubscriptions) => format!(
            "it asked for one subscription more than the {} that a connection may have",
            manners.subscriptions_max
        ),
        Reason::Parted(Parting::TooManyConnections) => {
            "its key had let in as many connections as a key may (`connections_per_key`)".to_owned()
        }
        Reason::Parted(Parting::Unresponsive) => {
            format!("nothing was heard of it for {} after a ping", span(manners.pong_within))
        }
        Reason::Parted(Parting::Idle) => {
            let idle =
                manners.idle_max.map_or_else(String::new, |most| format!(" for {}", span(most)));
            format!("it said nothing{idle}")
        }
        Reason::Parted(Parting::Revoked) => {
            "the key by which it was let in was revoked or blocked, or its login's time was over"
                .to_owned()
        }
        Reason::Parted(Parting::Abuse) => "it went on doing what it was refused".to_owned(),
        Reason::Parted(Parting::NotLoggedIn) => {
            let within = manners
                .login_within
                .map_or_else(String::new, |most| format!(" within {}", span(most)));
            format!("it did not log in{within}")
        }
        Reason::Violation => {
            let code =
                goodbye.code.map_or_else(String::new, |code| format!(" (close code {code})"));
            format!(
                "what it sent is not WebSocket as RFC 6455 has it, or was longer than allowed{code}"
            )
        }
        Reason::ClientClosed => match goodbye.code {
            Some(code) => format!("the client closed it with code {code}"),
            None => "the client closed it without a code".to_owned(),
        },
        Reason::ClientVanished => "the client ended the line without saying goodbye".to_owned(),
        Reason::Network(kind) => format!("the network failed: {kind}"),
    }
}

fn slow(goodbye: &Goodbye, manners: &Manners) -> String {
    if goodbye.waiting.lossless > manners.queue_bytes_max {
        format!(
            "it read too slowly: {} bytes waited for it of which none may be dropped, and {} is the most; \
             over its last minute something waited for up to {}",
            goodbye.waiting.lossless,
            manners.queue_bytes_max,
            span(goodbye.lag_max)
        )
    } else if goodbye.stalled < manners.stall_max && goodbye.lag_max >= manners.wait_max {
        format!(
            "it read too slowly: of the {} bytes that waited for it some had waited for {}, and {} is the most, however \
             much is taken meanwhile",
            goodbye.waiting.bytes(),
            span(goodbye.lag_max),
            span(manners.wait_max)
        )
    } else {
        format!(
            "it took nothing for {} while {} bytes waited for it, and {} is the most",
            span(goodbye.stalled),
            goodbye.waiting.bytes(),
            span(manners.stall_max)
        )
    }
}

/// What to do about it.
pub(super) const fn remedy(reason: Reason) -> &'static str {
    match reason {
        Reason::Parted(Parting::Shutdown) => "connect again once the server is back",
        Reason::Parted(Parting::TooOld) => "connect again; clients are to expect this",
        Reason::Parted(Parting::SlowConsumer) => {
            "read faster: take what comes off the socket at once and do the work elsewhere, or subscribe to less"
        }
        Reason::Parted(Parting::TooManySubscriptions) => {
            "open another connection for further subscriptions"
        }
        Reason::Parted(Parting::TooManyConnections) => {
            "end connections of that key that nobody needs, or use another key"
        }
        Reason::Parted(Parting::Unresponsive) => {
            "answer pings with pongs, which WebSocket libraries do as long as somebody reads"
        }
        Reason::Parted(Parting::Idle) => "send the dialect's heartbeat",
        Reason::Parted(Parting::Revoked) => "log in again, with a key that is good",
        Reason::Parted(Parting::Abuse) => "mend what is refused before sending it again",
        Reason::Parted(Parting::NotLoggedIn) => "log in right after connecting",
        Reason::Violation => "use a WebSocket library, and send shorter messages",
        Reason::ClientClosed => "nothing, if the client meant it",
        Reason::ClientVanished => {
            "nothing, if the client was ended; else see why it did not close the socket first"
        }
        Reason::Network(_) => {
            "look at what is between the two: a proxy, a firewall, a sleeping machine"
        }
    }
}

/// A length of time for people.
fn span(length: Duration) -> String {
    match (length.as_secs(), length.subsec_millis()) {
        (0, millis) => format!("{millis} ms"),
        (seconds @ 1..120, 0) => format!("{seconds} s"),
        (seconds @ 1..120, millis) => format!("{seconds}.{} s", millis / 100),
        (seconds @ 120..7_200, _) => format!("{} min", seconds / 60),
        (seconds, _) => format!("{} h", seconds / 3_600),
    }
}
