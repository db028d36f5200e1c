//! Says back what it hears, on the product's own framing code, for outsiders that test RFC 6455. It
//! serves (`--listen`), or calls a server of test cases and takes them one after another (`--call`).
//! A thread for each connection and blocking sockets: it is right, not fast.

use std::{
    env,
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::ExitCode,
    sync::Arc,
    thread,
};

use edge::ws::{
    Opcode, Role, close,
    decode::{Chunk, Decoder, Incoming, Limits},
    deflate::{self, Packer},
    encode::{self, ClosePayload},
    handshake::{self, Opening},
    head,
};

/// The largest messages of the Autobahn cases have 16 MiB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

const USAGE: &str = "usage: echo --listen 127.0.0.1:0
       echo --call 127.0.0.1:9001";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--listen", address] => listen(address),
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

/// Serves until it is ended.
fn listen(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening on ws://{}", listener.local_addr()?);
    for socket in listener.incoming() {
        let socket = socket?;
        // A peer that goes away is the end of its connection and nobody else's business.
        thread::spawn(move || serve(socket));
    }
    Ok(())
}

fn serve(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
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
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
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
    socket: &mut TcpStream,
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

/// One connection after its handshake.
struct Echo {
    role: Role,
    socket: TcpStream,
    decoder: Decoder,
    answers: Answers,
}

impl Echo {
    fn new(role: Role, socket: TcpStream) -> Echo {
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
fn hang_up(socket: &mut TcpStream) -> io::Result<()> {
    socket.shutdown(Shutdown::Write)?;
    io::copy(socket, &mut io::sink())?;
    Ok(())
}
