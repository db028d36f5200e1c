//! Being told that others have written: a connection of its own, on a thread of its own, that only listens.
//!
//! What was written is not told, and what was told while nobody listened is lost: whoever is told looks, and looks every
//! so often anyhow. After each new connection it tells that something may have been missed.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_postgres::AsyncMessage;

use super::place::Place;
use super::{CONNECT_MAX, PAUSES};
use crate::kept::Wake;

/// What listens.
const LISTEN: &str = "LISTEN rialto_accounts";
/// Ends what was written, and has all who listen told once it is there.
pub const END: &str = "NOTIFY rialto_accounts; COMMIT";

/// Listens as long as it lives.
pub struct Listening(Arc<Notify>);

impl Listening {
    /// From now on; `None` where the system has no thread for it, and one only looks every so often.
    pub fn start(place: Place, wake: Wake) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let listen = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = stopped.notified() => {}
                    () = listen(&place, &wake) => {}
                }
            });
        };
        thread::Builder::new().name("accounts-told".into()).spawn(listen).ok()?;
        Some(Self(stop))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Listens, and after an end begins anew: soon, then later and later, but never very late.
async fn listen(place: &Place, wake: &Wake) {
    let mut pause = *PAUSES.start();
    loop {
        let has_listened = hear(place, wake).await;
        pause = if has_listened { *PAUSES.start() } else { next(pause) };
        sleep(pause).await;
    }
}

fn next(pause: Duration) -> Duration {
    (pause * 2).min(*PAUSES.end())
}

/// Listens until the connection ends; whether it ever did.
async fn hear(place: &Place, wake: &Wake) -> bool {
    let Ok(Ok((client, mut connection))) = timeout(place.patience(), place.connect()).await else {
        return false;
    };
    let mut asked = pin!(timeout(CONNECT_MAX, client.batch_execute(LISTEN)));
    let mut listens = false;
    loop {
        tokio::select! {
            answer = &mut asked, if !listens => {
                if !matches!(answer, Ok(Ok(()))) {
                    return false;
                }
                listens = true;
                wake();
            }
            message = poll_fn(|context| connection.poll_message(context)) => match message {
                Some(Ok(AsyncMessage::Notification(_))) => wake(),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return listens,
            },
        }
    }
}
