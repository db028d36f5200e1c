//! Says back what it hears, on the product's own framing code, for outsiders that test RFC 6455. It
//! serves (`--listen`), also encrypted, by the product's own keys and outbox (`--tls`), or calls a server of test
//! cases and takes them one after another (`--call`).
//! A thread for each connection and blocking sockets: it is right, not fast.

use std::{
    env,
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use edge::{
    outbox::Outbox,
    tls::{Cipher, Tls},
    ws::{
        Opcode, Role, close,
        decode::{Chunk, Decoder, Incoming, Limits},
        deflate::{self, Packer},
        encode::{self, ClosePayload},
        handshake::{self, Opening},
        head,
    },
};
use testkit::served::{BEGINS, encrypted::certify};

/// The largest messages of the Autobahn cases have 16 MiB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

const USAGE: &str = "usage: echo --listen 127.0.0.1:0
       echo --listen 127.0.0.1:0 --tls FOLDER    makes a certificate there, and ca.pem, which vouches for it
       echo --call 127.0.0.1:9001";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--listen", address] => listen(address, None),
        ["--listen", address, "--tls", folder] => listen_encrypted(address, Path::new(folder)),
        ["--call", address] => call(address),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to {}: {error}", args.join(" ").trim_start_matches('-'));
            ExitCode::FAILURE
        }
    }
}

/// The same as [`listen`] under a certificate of its own.
fn listen_encrypted(address: &str, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (files, _) = certify(folder, &["localhost", "127.0.0.1"]);
    let (tls, _) = Tls::open(files, BEGINS).map_err(io::Error::other)?;
    listen(address, Some(Arc::new(tls)))
}

/// Serves until it is ended.
fn listen(address: &str, tls: Option<Arc<Tls>>) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    println!("listening on {scheme}://{}", listener.local_addr()?);
    for socket in listener.incoming() {
        let (socket, tls) = (socket?, tls.clone());
        // A peer that goes away is the end of its connection and nobody else's business.
        thread::spawn(move || serve(socket, tls.as_deref()));
    }
    Ok(())
}

fn serve(mut socket: TcpStream, tls: Option<&Tls>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keys = tls.map(|tls| tls.shake_hands_and_wait(&mut socket)).transpose()?;
    let mut socket = Line { socket, keys: keys.map(Keys::new) };
    let Some((request, early)) = read_head(&mut socket, head::request)? else { return Ok(()) };
    match handshake::accept(&request) {
        Ok(accept) => {
            let mut response = accept.response_bytes();
            let agreed = deflate::agree(request.headers());
            if let Some(agreed) = &agreed {
                response.truncate(response.len() - 2);
                response.extend_from_slice(b"Sec-WebSocket-Extensions: ");
                response.extend_from_slice(agreed.as_bytes());
                response.extend_from_slice(b"\r\n\r\n");
            }
            socket.write_all(&response)?;
            let mut echo = Echo::new(Role::Server, socket);
            if agreed.is_some() {
                echo.decoder.inflate();
                echo.answers.packer = Some(Packer::default());
            }
            echo.converse(early).map(drop)
        }
        Err(refusal) => {
            socket.write_all(&refusal.response_bytes())?;
            hang_up(&mut socket)
        }
    }
}

/// Asks a server of test cases, as Autobahn has it, how many there are, echoes each one, and has it
/// write its report.
fn call(address: &str) -> io::Result<()> {
    let count = converse_at(address, "/getCaseCount")?;
    let count: usize = count.trim().parse().map_err(io::Error::other)?;
    for case in 1..=count {
        // Most cases end badly on purpose; how well they were taken, the server judges.
        drop(converse_at(address, &format!("/runCase?case={case}&agent=rialto")));
    }
    converse_at(address, "/updateReports?agent=rialto")?;
    println!("took {count} cases");
    Ok(())
}

/// Opens a connection, echoes until it ends, and gives the last text that was heard.
fn converse_at(address: &str, target: &str) -> io::Result<String> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    let mut socket = Line { socket, keys: None };
    // A test needs no secret nonce.
    let opening = Opening::new(*b"not very random!");
    let request = opening.request_bytes(address, target, &[]).map_err(io::Error::other)?;
    socket.write_all(&request)?;
    let Some((response, early)) = read_head(&mut socket, head::response)? else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    opening.check(&response).map_err(io::Error::other)?;
    Echo::new(Role::Client, socket).converse(early)
}

/// Reads a head, and gives also what came after it; none if the peer left before.
fn read_head<T>(
    socket: &mut Line,
    parse: impl Fn(&[u8]) -> Result<Option<(T, usize)>, head::BadHead>,
) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut bytes = Vec::new();
    loop {
        let mut more = [0; 1024];
        let read = socket.read(&mut more)?;
        bytes.extend_from_slice(&more[..read]);
        match parse(&bytes).map_err(io::Error::other)? {
            Some((head, used)) => return Ok(Some((head, bytes.split_off(used)))),
            None if read == 0 => return Ok(None),
            None => {}
        }
    }
}

/// A socket, in the clear or not.
struct Line {
    socket: TcpStream,
    keys: Option<Keys>,
}

/// What a loop has for an encrypted socket, and for all of them.
struct Keys {
    cipher: Cipher,
    outbox: Outbox,
    join: Vec<u8>,
    sealed: Vec<u8>,
}

impl Keys {
    fn new(cipher: Cipher) -> Self {
        Self { cipher, outbox: Outbox::default(), join: Vec::new(), sealed: Vec::new() }
    }
}

impl Read for Line {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.keys {
            None => self.socket.read(into),
            Some(keys) => loop {
                match keys.cipher.read(&mut self.socket, into) {
                    // What came was no data; a loop would look after others first.
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => return read,
                }
            },
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(Keys { cipher, outbox, join, sealed }) = &mut self.keys else {
            return self.socket.write(bytes);
        };
        outbox.answer(Duration::ZERO, |line| line.extend_from_slice(bytes));
        while cipher.flush(&mut self.socket, outbox, join, sealed, Duration::ZERO)?.blocked {}
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// One connection after its handshake.
struct Echo {
    role: Role,
    socket: Line,
    decoder: Decoder,
    answers: Answers,
}

impl Echo {
    fn new(role: Role, socket: Line) -> Echo {
        let limits = Limits::of_messages(MESSAGE_BYTES_MAX);
        let decoder = Decoder::new(Arc::new(limits), role);
        let answers = Answers { role, packer: None, bytes: Vec::new(), keys: 0 };
        Echo { role, socket, decoder, answers }
    }

    /// Echoes until the peer closes, and gives the last text that was heard.
    fn converse(mut self, mut early: Vec<u8>) -> io::Result<String> {
        let mut heard = String::new();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut goes_on = self.answer(&mut early, &mut heard);
        loop {
            self.socket.write_all(&self.answers.bytes)?;
            self.answers.bytes.clear();
            if !goes_on {
                break;
            }
            let read = self.socket.read(&mut chunk)?;
            if read == 0 {
                return Ok(heard);
            }
            goes_on = self.answer(&mut chunk[..read], &mut heard);
        }
        // The server ends the connection, and its client waits for that (RFC 6455, 7.1.1).
        match self.role {
            Role::Server => hang_up(&mut self.socket)?,
            Role::Client => drop(io::copy(&mut self.socket, &mut io::sink())?),
        }
        Ok(heard)
    }

    /// Words the answers to all that `bytes` complete; `false` when the connection ends with them.
    fn answer(&mut self, bytes: &mut [u8], heard: &mut String) -> bool {
        let mut chunk = Chunk::new(bytes);
        loop {
            match self.decoder.next(&mut chunk) {
                Ok(None) => return true,
                Ok(Some(Incoming::Text(text))) => {
                    self.answers.push(Opcode::Text, text.as_bytes());
                    heard.clear();
                    heard.push_str(text);
                }
                Ok(Some(Incoming::Binary(bytes))) => self.answers.push(Opcode::Binary, bytes),
                Ok(Some(Incoming::Ping(payload))) => self.answers.push(Opcode::Pong, payload),
                Ok(Some(Incoming::Pong(_))) => {}
                Ok(Some(Incoming::Close { code, .. })) => {
                    self.answers.push_close(code.map(|_| close::NORMAL), "");
                    return false;
                }
                Err(violation) => {
                    self.answers.push_close(Some(violation.code), &violation.reason);
                    return false;
                }
            }
        }
    }
}

/// Frames that wait to be written.
struct Answers {
    role: Role,
    /// Compresses messages, where that was agreed on.
    packer: Option<Packer>,
    bytes: Vec<u8>,
    /// How many masks were used; a test needs no secret ones, only different ones.
    keys: u32,
}

impl Answers {
    fn push(&mut self, opcode: Opcode, payload: &[u8]) {
        if let Some(packer) = self.packer.as_mut().filter(|_| !opcode.is_control()) {
            let at = self.bytes.len();
            encode::push_server_frame(&mut self.bytes, opcode, packer.pack(payload));
            self.bytes[at] |= deflate::COMPRESSED;
            return;
        }
        match self.role {
            Role::Server => encode::push_server_frame(&mut self.bytes, opcode, payload),
            Role::Client => {
                self.keys = self.keys.wrapping_add(0x9E37_79B9);
                let key = self.keys.to_ne_bytes();
                encode::push_client_frame(&mut self.bytes, opcode, key, payload);
            }
        }
    }

    fn push_close(&mut self, code: Option<u16>, reason: &str) {
        self.push(Opcode::Close, ClosePayload::new(code, reason).as_bytes());
    }
}

/// Says that nothing follows and reads until the peer has said so too: closing with bytes unread
/// would reset the connection, and the peer could lose our last words.
fn hang_up(socket: &mut Line) -> io::Result<()> {
    if let Some(keys) = &mut socket.keys {
        keys.cipher.say_farewell(&mut socket.socket, &mut keys.sealed, Duration::ZERO);
    }
    socket.socket.shutdown(Shutdown::Write)?;
    io::copy(socket, &mut io::sink())?;
    Ok(())
}
