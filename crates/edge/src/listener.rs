//! The listener: accepts connections, lets hyper read their requests, and hands upgraded sockets to the loops.
//!
//! It runs on tokio, which serves HTTP and handshakes only: an upgraded socket leaves it for good, with every
//! byte that was already read. Garbage, slow heads and floods end here and nobody else notices.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

use crate::http::House;
use crate::limits::{Limits, Rate, Seat, Seats, Turnstile, whose};
use crate::reactor::{Form, LoopHandle, Newcomer};
use crate::steps::Admitted;
use crate::tls::{Cipher, Tls};

/// How long accepting rests after the system refused a new socket (no file descriptors left, say).
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// How long accepting rests where connections come too fast.
const ACCEPT_PAUSE: Duration = Duration::from_millis(1);

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;

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

/// Where connections come in.
#[derive(Debug)]
pub struct Door {
    /// The listening socket.
    pub listener: TcpListener,
    /// What is spoken there before all else; without it they are in the clear.
    pub tls: Option<Arc<Tls>>,
}

/// Accepts connections until told to stop, then lets the HTTP requests that are under way finish.
/// Upgraded sockets are the loops' to end.
///
/// # Errors
/// Only if the listening socket itself fails for good.
pub async fn accept(
    door: Door,
    limits: Limits,
    seats: Arc<Seats>,
    house: Arc<House>,
    gangway: Arc<Gangway>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let Door { listener, tls } = door;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_time_max)
        .max_buf_size(limits.head_bytes_max.max(8 * 1024))
        .max_headers(64)
        .half_close(false);
    let in_all = Rate { count: limits.connections_per_second_max.max(1), per: SECOND };
    let mut turnstile = Turnstile::new(vec![in_all]);
    let mut by_address = Turnstile::new(vec![limits.connections_of_address]);
    loop {
        // Whoever is not accepted yet waits in the system's queue, and where that is full, tries again by itself.
        while !turnstile.pass((), house.now()) {
            house.counters.accepts_held.add(1);
            tokio::select! {
                () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                () = told_to_stop(&mut stop) => return Ok(()),
            }
        }
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
        let address = whose(peer.ip());
        let is_exempt = limits.loopback_exempt && address.is_loopback();
        if !is_exempt && !by_address.pass(address, house.now()) {
            house.counters.connections_too_fast.add(1);
            continue;
        }
        let Some(seat) = seats.take(peer.ip()) else {
            house.counters.connections_refused.add(1);
            continue;
        };
        // Without this a small frame would wait for the acknowledgement of the one before.
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        if watch_over(&stream, limits.silence_max).is_err() {
            continue;
        }
        let Ok(local) = stream.local_addr() else { continue };
        let connection =
            Connection { house: Arc::clone(&house), gangway: Arc::clone(&gangway), peer, local };
        let (http, stop) = (http.clone(), stop.clone());
        match &tls {
            None => drop(tokio::spawn(connection.serve(http, stream, seat, stop))),
            Some(tls) => {
                let (tls, patience) = (Arc::clone(tls), limits.head_time_max);
                let serving = connection.serve_encrypted(tls, patience, http, stream, seat, stop);
                drop(tokio::spawn(serving));
            }
        }
    }
}

/// The longest that TCP waits before it asks, in seconds, and the longest that it is told at all, in milliseconds: it refuses
/// more.
const KEEPALIVE_MAX: Duration = Duration::from_secs(32_767);
const USER_TIMEOUT_MS_MAX: u32 = i32::MAX as u32;

/// Has TCP look whether the other end is still there: where nothing is said, by asking it; where something is, by how long
/// it takes nothing of that. A machine that was switched off says neither that it goes nor anything else.
fn watch_over(stream: impl AsFd, silence_max: Duration) -> io::Result<()> {
    // First asked after half of that time, then three times more; each at least a second, as TCP counts seconds.
    let step = (silence_max / 6).clamp(SECOND, KEEPALIVE_MAX);
    sockopt::set_tcp_keepidle(&stream, (silence_max / 2).clamp(SECOND, KEEPALIVE_MAX))?;
    sockopt::set_tcp_keepintvl(&stream, step)?;
    sockopt::set_tcp_keepcnt(&stream, 3)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    let millis = u32::try_from(silence_max.as_millis()).unwrap_or(u32::MAX);
    let millis = millis.min(USER_TIMEOUT_MS_MAX);
    Ok(sockopt::set_tcp_user_timeout(&stream, millis)?)
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
    /// How it is told what it is told.
    pub(crate) form: Form,
    pub(crate) stream: OnUpgrade,
}

impl Connection {
    /// Shakes hands first.
    async fn serve_encrypted(
        self,
        tls: Arc<Tls>,
        patience: Duration,
        http: http1::Builder,
        stream: TcpStream,
        seat: Seat,
        mut stop: watch::Receiver<bool>,
    ) {
        let shaken = tokio::select! {
            shaken = tls.shake_hands(stream, patience) => shaken,
            () = told_to_stop(&mut stop) => return,
        };
        match shaken {
            Ok(stream) => {
                self.house.counters.tls_handshakes.add(1);
                self.serve(http, stream, seat, stop).await;
            }
            // A client's, and it was told.
            Err(_) => self.house.counters.tls_handshakes_failed.add(1),
        }
    }

    async fn serve<S: Carrier>(
        self,
        http: http1::Builder,
        stream: S,
        seat: Seat,
        mut stop: watch::Receiver<bool>,
    ) {
        let upgrading = std::sync::Mutex::new(None::<Upgrading>);
        let (house, peer, local) = (&self.house, self.peer, self.local);
        let name = stream.server_name().and_then(|name| HeaderValue::try_from(name).ok());
        let service = service_fn(|mut request: Request<Incoming>| {
            let (upgrading, name) = (&upgrading, name.clone());
            async move {
                // Who names no host has named one to be encrypted for.
                if let Some(name) = name.filter(|_| request.uri().host().is_none()) {
                    request.headers_mut().entry(header::HOST).or_insert(name);
                }
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
        if let Some((stream, cipher, early)) = taken_back::<S>(upgraded) {
            let newcomer = Newcomer {
                stream,
                cipher,
                dialect: leaving.dialect,
                admitted: leaving.admitted,
                form: leaving.form,
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

/// What carries HTTP: a line, in the clear or not.
trait Carrier: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The name that the client asked for when it shook hands.
    fn server_name(&self) -> Option<String>;

    /// The line itself, and its keys if it has any.
    fn apart(self) -> io::Result<(std::net::TcpStream, Option<Box<Cipher>>)>;
}

impl Carrier for TcpStream {
    fn server_name(&self) -> Option<String> {
        None
    }

    fn apart(self) -> io::Result<(std::net::TcpStream, Option<Box<Cipher>>)> {
        Ok((self.into_std()?, None))
    }
}

impl Carrier for TlsStream<TcpStream> {
    fn server_name(&self) -> Option<String> {
        self.get_ref().1.server_name().map(str::to_owned)
    }

    fn apart(self) -> io::Result<(std::net::TcpStream, Option<Box<Cipher>>)> {
        let (stream, connection) = self.into_inner();
        Ok((stream.into_std()?, Some(Box::new(Cipher::new(connection)))))
    }
}

/// The line under an upgraded connection, its keys, and the bytes that were already read from it.
fn taken_back<S: Carrier>(
    upgraded: Upgraded,
) -> Option<(std::net::TcpStream, Option<Box<Cipher>>, Vec<u8>)> {
    let parts = upgraded.downcast::<TokioIo<S>>().ok()?;
    let (stream, cipher) = parts.io.into_inner().apart().ok()?;
    Some((stream, cipher, parts.read_buf.to_vec()))
}
