//! What a delivery costs: `cargo bench -p rialto --bench fanout`. Without `--bench`, as under `cargo test`, it is
//! only seen to work.

#[path = "../src/bench/fanout.rs"]
mod fanout;

fn main() -> std::io::Result<()> {
    let is_full = std::env::args().any(|argument| argument == "--bench");
    let options = if is_full { fanout::Options::FULL } else { fanout::Options::SMALL };
    fanout::run(&options, &mut std::io::stdout())
}
