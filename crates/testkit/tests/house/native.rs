//! The native API, served: what each page answers, what each refusal says, and that all of it is what the OpenAPI
//! document says.

mod client;
mod schema;

mod connections;
mod document;
mod index;
mod market;
mod once;
mod orders;
mod perpetual;
mod refusals;
mod requests;

use testkit::people::called;
use testkit::served::{Served, Setup};

use client::{Client, Told};

/// The key of somebody.
fn key(name: &str) -> &'static str {
    called(name).expect("one of the people").key
}

/// A venue, and the clients of these people.
fn served<const N: usize>(names: [&str; N]) -> (Served, [Client; N]) {
    let served = Setup::bitstamp().session_by_hand().serve();
    let clients = names.map(|name| Client::of(&served).by(key(name)));
    (served, clients)
}

/// A limit order's body; the market has two instruments, prices in cents and quantities of eight decimals.
fn limit(side: &str, quantity: &str, price: &str) -> String {
    format!(
        r#"{{"instrument":"BTC-USD","side":"{side}","type":"limit","quantity":"{quantity}","price":"{price}"}}"#
    )
}

/// The same with more fields.
fn with(body: &str, more: &str) -> String {
    format!("{},{more}}}", body.strip_suffix('}').expect("an object"))
}
