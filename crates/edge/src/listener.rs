//! The listener: accepts connections, lets hyper read their requests, and hands upgraded sockets to the loops.
//!
//! It runs on tokio, which serves HTTP and handshakes only: an upgraded socket leaves it for good, with every
//! byte that was already read. Garbage, slow heads and floods end here and nobody else notices.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::http::House;
use crate::limits::{Limits, Seat, Seats};
use crate::reactor::{LoopHandle, Newcomer};
use crate::steps::Admitted;

/// How long accepting rests after the system refused a new socket (no file descriptors left, say).
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Where upgraded sockets go.
pub struct Gangway {
    loops: Vec<LoopHandle>,
    next: AtomicUsize,
}

impl Gangway {
    /// To these loops, in turn.
    ///
    /// # Panics
    /// If there is no loop.
    #[must_use]
    pub fn new(loops: Vec<LoopHandle>) -> Self {
        assert!(!loops.is_empty(), "sockets need at least one loop");
        Self { loops, next: AtomicUsize::new(0) }
    }

    /// Hands a connection to the next loop that takes one. Returns whether there was one; if not, the
    /// connection is dropped.
    fn board(&self, mut newcomer: Newcomer) -> bool {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        for step in 0..self.loops.len() {
            match self.loops[(turn + step) % self.loops.len()].adopt(newcomer) {
                Ok(()) => return true,
                Err(returned) => newcomer = returned,
            }
        }
        false
    }
}

/// Accepts connections until told to stop, then lets the HTTP requests that are under way finish.
/// Upgraded sockets are the loops' to end.
///
/// # Errors
/// Only if the listening socket itself fails for good.
pub async fn accept(
    listener: TcpListener,
    limits: Limits,
    seats: Arc<Seats>,
    house: Arc<House>,
    gangway: Arc<Gangway>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_time_max)
        .max_buf_size(limits.head_bytes_max.max(8 * 1024))
        .max_headers(64)
        .half_close(false);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = told_to_stop(&mut stop) => return Ok(()),
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if belongs_to_one_connection(&error) => continue,
            Err(_) => {
                house.counters.accept_failures.add(1);
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            }
        };
        let Some(seat) = seats.take(peer.ip()) else {
            house.counters.connections_refused.add(1);
            continue;
        };
        // Without this a small frame would wait for the acknowledgement of the one before.
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let Ok(local) = stream.local_addr() else { continue };
        let connection =
            Connection { house: Arc::clone(&house), gangway: Arc::clone(&gangway), peer, local };
        tokio::spawn(connection.serve(http.clone(), stream, seat, stop.clone()));
    }
}

/// Waits until stopping is asked for, or nobody is left who could ask.
async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|&stop| stop).await;
}

/// Whether an error of `accept` is about the connection that was to be accepted, not about the listener.
fn belongs_to_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// One accepted connection while it speaks HTTP.
struct Connection {
    house: Arc<House>,
    gangway: Arc<Gangway>,
    peer: SocketAddr,
    /// Our own address, as this client reached it.
    local: SocketAddr,
}

/// What a request leaves behind if its connection turns into a socket.
pub(crate) struct Upgrading {
    pub(crate) dialect: usize,
    pub(crate) admitted: Option<Box<Admitted>>,
    /// Whether it was agreed that messages are compressed.
    pub(crate) compresses: bool,
    pub(crate) stream: OnUpgrade,
}

impl Connection {
    async fn serve(
        self,
        http: http1::Builder,
        stream: TcpStream,
        seat: Seat,
        mut stop: watch::Receiver<bool>,
    ) {
        let upgrading = std::sync::Mutex::new(None::<Upgrading>);
        let (house, peer, local) = (&self.house, self.peer, self.local);
        let service = service_fn(|request| {
            let upgrading = &upgrading;
            async move {
                let (response, leaving) = house.respond(request, peer, local).await;
                if let Some(leaving) = leaving {
                    *upgrading.lock().expect("nobody panics while holding it") = Some(leaving);
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let served = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut served = std::pin::pin!(served);
        let finished = tokio::select! {
            finished = served.as_mut() => finished,
            () = told_to_stop(&mut stop) => {
                served.as_mut().graceful_shutdown();
                served.as_mut().await
            }
        };
        // An error here is a client's: a broken head, a time-out, a connection cut. hyper has answered it.
        if finished.is_err() {
            self.house.counters.http_failures.add(1);
            return;
        }
        let leaving = upgrading.lock().expect("nobody panics while holding it").take();
        let Some(leaving) = leaving else { return };
        let Ok(upgraded) = leaving.stream.await else { return };
        if let Some((stream, early)) = taken_back(upgraded) {
            let newcomer = Newcomer {
                stream,
                dialect: leaving.dialect,
                admitted: leaving.admitted,
                compresses: leaving.compresses,
                early,
                peer: self.peer,
                seat: Some(seat),
            };
            if !self.gangway.board(newcomer) {
                self.house.counters.connections_refused.add(1);
            }
        }
    }
}

/// The plain socket under an upgraded connection, and the bytes that were already read from it.
fn taken_back(upgraded: Upgraded) -> Option<(std::net::TcpStream, Vec<u8>)> {
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    let stream = parts.io.into_inner().into_std().ok()?;
    Some((stream, parts.read_buf.to_vec()))
}
