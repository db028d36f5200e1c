//! A server that says back what it hears, on the product's own framing code, for outsiders that test
//! RFC 6455. A thread for each connection and blocking sockets: it is right, not fast.

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
    encode, handshake, head,
};

/// The largest messages of the Autobahn cases have 16 MiB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let listen = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => "127.0.0.1:0",
        ["--listen", listen] => listen,
        _ => {
            eprintln!("usage: echo [--listen 127.0.0.1:0]");
            return ExitCode::from(2);
        }
    };
    match serve(listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to listen on {listen}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(listen: &str) -> io::Result<()> {
    let listener = TcpListener::bind(listen)?;
    println!("listening on ws://{}", listener.local_addr()?);
    let limits = Arc::new(Limits::of_messages(MESSAGE_BYTES_MAX));
    for socket in listener.incoming() {
        let socket = socket?;
        let limits = Arc::clone(&limits);
        // A peer that goes away is the end of its connection and nobody else's business.
        thread::spawn(move || converse(socket, limits));
    }
    Ok(())
}

fn converse(mut socket: TcpStream, limits: Arc<Limits>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let Some(mut early) = shake_hands(&mut socket)? else { return Ok(()) };
    let mut decoder = Decoder::new(limits, Role::Server);
    let mut answers = Vec::new();
    if answer(&mut decoder, &mut early, &mut answers) {
        let mut bytes = vec![0; CHUNK_BYTES];
        loop {
            socket.write_all(&answers)?;
            answers.clear();
            let read = socket.read(&mut bytes)?;
            if read == 0 {
                return Ok(());
            }
            if !answer(&mut decoder, &mut bytes[..read], &mut answers) {
                break;
            }
        }
    }
    socket.write_all(&answers)?;
    hang_up(&mut socket)
}

/// Reads the request and answers it; if that opened a connection, gives what came after it.
fn shake_hands(socket: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        let mut more = [0; 1024];
        let read = socket.read(&mut more)?;
        bytes.extend_from_slice(&more[..read]);
        match head::request(&bytes).map_err(io::Error::other)? {
            None if read == 0 => return Ok(None),
            None => {}
            Some((request, used)) => match handshake::accept(&request) {
                Ok(accept) => {
                    socket.write_all(&accept.response_bytes())?;
                    return Ok(Some(bytes.split_off(used)));
                }
                Err(refusal) => {
                    socket.write_all(&refusal.response_bytes())?;
                    hang_up(socket)?;
                    return Ok(None);
                }
            },
        }
    }
}

/// Words the answers to all that `bytes` complete; `false` when the connection is to end after them.
fn answer(decoder: &mut Decoder, bytes: &mut [u8], answers: &mut Vec<u8>) -> bool {
    let mut chunk = Chunk::new(bytes);
    loop {
        match decoder.next(&mut chunk) {
            Ok(None) => return true,
            Ok(Some(Incoming::Text(text))) => {
                encode::push_server_frame(answers, Opcode::Text, text.as_bytes());
            }
            Ok(Some(Incoming::Binary(bytes))) => {
                encode::push_server_frame(answers, Opcode::Binary, bytes);
            }
            Ok(Some(Incoming::Ping(payload))) => {
                encode::push_server_frame(answers, Opcode::Pong, payload);
            }
            Ok(Some(Incoming::Pong(_))) => {}
            Ok(Some(Incoming::Close { code, .. })) => {
                encode::push_server_close(answers, code.map(|_| close::NORMAL), "");
                return false;
            }
            Err(violation) => {
                encode::push_server_close(answers, Some(violation.code), &violation.reason);
                return false;
            }
        }
    }
}

/// Says that nothing follows and reads until the peer has said so too: closing with bytes unread
/// would reset the connection, and the peer could lose our last words.
fn hang_up(socket: &mut TcpStream) -> io::Result<()> {
    socket.shutdown(Shutdown::Write)?;
    io::copy(socket, &mut io::sink())?;
    Ok(())
}
