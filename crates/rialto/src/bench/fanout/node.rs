//! Node's `ws`, told to send the same to as many sockets: what many venues are built with. A process of its own, whose CPU
//! the kernel accounts for as a whole.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use edge::ws::handshake::Opening;
use edge::ws::head;

use super::Load;
use crate::bench::process::{CpuTimes, Process};

/// Announces its port, and then sends so many bytes so often to everybody for each line that it reads.
const SERVER: &str = r"
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, backlog: 4096 });
const sockets = [];
server.on('connection', (socket) => sockets.push(socket));
server.on('listening', () => console.log(server.address().port));
const texts = new Map();
const lines = require('node:readline').createInterface({ input: process.stdin });
lines.on('line', (line) => {
  if (!texts.has(line)) texts.set(line, Buffer.alloc(Number(line.split(' ')[0]), '.'));
  const [text, messages] = [texts.get(line), Number(line.split(' ')[1])];
  for (const socket of sockets) {
    for (let message = 0; message < messages; message += 1) socket.send(text, { binary: false });
  }
});
lines.on('close', () => process.exit(0));
";

/// The server; it ends with this value.
pub struct Node {
    child: Child,
    orders: ChildStdin,
    address: SocketAddr,
}

impl Node {
    /// Starts it in a folder in which `ws` is installed.
    pub fn start(folder: &Path) -> io::Result<Self> {
        let mut command = Command::new("node");
        command.arg("-e").arg(SERVER).current_dir(folder);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let nothing = || io::Error::other("a child has what was asked for");
        let orders = child.stdin.take().ok_or_else(nothing)?;
        let said = child.stdout.take().ok_or_else(nothing)?;
        // From here on the child ends with this value, whatever happens.
        let mut node = Self { child, orders, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        let port = line.trim().parse().map_err(|_| {
            io::Error::other(format!(
                "node does not serve: is ws installed in {}?",
                folder.display()
            ))
        })?;
        node.address.set_port(port);
        Ok(node)
    }

    /// Its process, by number.
    pub fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// What it has cost so far.
    pub fn cpu(&self) -> io::Result<CpuTimes> {
        Process(self.child.id()).cpu().map_err(io::Error::other)
    }

    /// A WebSocket to it, ready to be read from.
    pub fn connect(&self, nonce: usize) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address)?;
        let opening = Opening::new((nonce as u128).to_be_bytes());
        let request = opening.request_bytes(&self.address.to_string(), "/", &[]);
        stream.write_all(&request.map_err(|fault| io::Error::other(fault.to_string()))?)?;
        let (mut answer, mut byte) = (Vec::new(), [0]);
        // Byte by byte, so that nothing behind the answer is read.
        while !answer.ends_with(b"\r\n\r\n") && answer.len() < head::HEAD_BYTES_MAX {
            stream.read_exact(&mut byte)?;
            answer.push(byte[0]);
        }
        match head::response(&answer) {
            Ok(Some((response, _))) if opening.check(&response).is_ok() => Ok(stream),
            _ => Err(io::Error::other("node does not make a WebSocket of it")),
        }
    }

    /// Has it send to everybody.
    pub fn send(&mut self, load: &Load) -> io::Result<()> {
        let Load { message_bytes, messages } = load;
        writeln!(self.orders, "{message_bytes} {messages}")?;
        self.orders.flush()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Already ended is as good as ended now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
