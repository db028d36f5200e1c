// What is sent in the explorer, as a program. Each of them runs as it stands once its library is installed.

const quoted = (text) => JSON.stringify(text);

function python(url, texts) {
  return `# pip install websockets
import asyncio, websockets

async def main():
    async with websockets.connect(${quoted(url)}) as socket:
        for text in [${texts.map((text) => `\n            ${quoted(text)},`).join("")}
        ]:
            await socket.send(text)
        async for message in socket:
            print(message)

asyncio.run(main())
`;
}

function javascript(url, texts) {
  return `// a browser, or Node 22
const socket = new WebSocket(${quoted(url)});
socket.onopen = () => {
${texts.map((text) => `  socket.send(${quoted(text)});\n`).join("")}};
socket.onmessage = ({ data }) => console.log(data);
socket.onclose = ({ code, reason }) => console.log(code, reason);
`;
}

function rust(url, texts) {
  return `// cargo add tungstenite
use tungstenite::{Message, connect};

fn main() -> Result<(), tungstenite::Error> {
    let (mut socket, _) = connect(${quoted(url)})?;
    for text in [${texts.map((text) => `\n        r#"${text}"#,`).join("")}
    ] {
        socket.send(Message::text(text))?;
    }
    loop {
        println!("{}", socket.read()?);
    }
}
`;
}

/** Our own address as that of the exchange; then it is used as any other. */
const CCXT = {
  bitstamp: (base) => `ex = ccxt.pro.bitstamp()
    base = ${quoted(`${base}/bitstamp`)}
    ex.urls["api"] = {"public": f"http://{base}/api", "private": f"http://{base}/api", "ws": f"ws://{base}"}
    try:
        while True:
            book = await ex.watch_order_book("BTC/USD")
            print(book["bids"][0], book["asks"][0])
    finally:
        await ex.close()`,
};

function ccxt(dialect, base) {
  return `# pip install ccxt
import asyncio, ccxt.pro

async def main():
    ${CCXT[dialect](base)}

asyncio.run(main())
`;
}

/** The programs that do what was sent to this address, by the name of their language. */
export function programs(dialect, url, texts) {
  const all = new Map([
    ["Python", python(url, texts)],
    ["JavaScript", javascript(url, texts)],
    ["Rust", rust(url, texts)],
  ]);
  if (CCXT[dialect]) all.set("ccxt", ccxt(dialect, new URL(url).host));
  return all;
}
