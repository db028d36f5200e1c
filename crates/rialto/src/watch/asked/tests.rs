//! Who is shown the key, and what a connection that ends does not mean.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::listening::target::Target;
use crate::tongues;

const LISTED: &str = r#"{"instruments":[]}"#;
const READY: &str = r#"{"ready":true}"#;
const NONE: &str = r#"{"time":"2026-01-05T09:00:00Z","positions":[]}"#;

/// Answers with these bodies one after the other, over and over, and ends each connection after so many. Returns its
/// port, and all that it is asked.
async fn venue(bodies: &'static [&str], each: usize) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut bodies = bodies.iter().cycle();
        while let Ok((mut stream, _)) = listener.accept().await {
            for _ in 0..each {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                if head.is_empty() {
                    break;
                }
                heard.lock().expect("whole").push(String::from_utf8(head).expect("text"));
                let body = bodies.next().expect("they never end");
                let length = body.len();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.expect("it is read");
            }
        }
    });
    (port, asked)
}

/// The first answers of asking at that port.
async fn answers(port: u16, count: usize) -> Vec<Answer> {
    let tongue = tongues::called("bitstamp").expect("spoken");
    let url = format!("ws://127.0.0.1:{port}/bitstamp");
    let fetcher = Fetcher::new(&Target::read(&url, tongue, None).expect("a target"));
    let asker = Asker::by(&fetcher.expect("no TLS"), "its-secret".to_owned()).expect("a key");
    let mut answers = Vec::new();
    let enough = asker.ask(|answer| {
        answers.push(answer);
        if answers.len() == count { Err(Failure("enough".to_owned())) } else { Ok(()) }
    });
    assert!(enough.await.is_err());
    answers
}

fn paths(asked: &Mutex<Vec<String>>) -> Vec<(String, bool)> {
    let asked = asked.lock().expect("whole");
    let path = |head: &String| head.split(' ').nth(1).expect("a path").to_owned();
    asked.iter().map(|head| (path(head), head.contains("its-secret"))).collect()
}

#[tokio::test]
async fn the_key_is_shown_to_a_venue_of_ours_alone_and_for_positions_alone() {
    let (port, asked) = venue(&["<html>"], 9).await;
    let answers_of_another = answers(port, 1).await;
    let Err((why, _)) = &answers_of_another[0] else { panic!("{answers_of_another:?}") };
    assert!(why.starts_with("no venue of ours answers"), "{why}");
    assert_eq!(paths(&asked), [("/rialto/v1/instruments".to_owned(), false)]);

    let (port, asked) = venue(&[LISTED, READY, NONE], 9).await;
    assert!(answers(port, 1).await[0].is_ok());
    assert_eq!(
        paths(&asked),
        [
            ("/rialto/v1/instruments".to_owned(), false),
            ("/rialto/v1/status".to_owned(), false),
            ("/rialto/v1/positions?limit=1000".to_owned(), true),
        ]
    );
    // What echoes the key is told without it.
    let echo = r#"{"ready":"its-secret"}"#;
    let (port, _) = venue(Box::leak(Box::new([LISTED, echo])), 9).await;
    let Err((why, pause)) = &answers(port, 1).await[0] else { panic!("it is not ready") };
    assert!(why.contains("***") && !why.contains("its-secret"), "{why}");
    assert_eq!(*pause, PAUSES.0);
}

#[tokio::test]
async fn that_a_connection_is_ended_between_two_pages_is_no_doubt() {
    let (port, asked) = venue(&[LISTED, READY, NONE], 3).await;
    let both = answers(port, 2).await;
    assert!(both.iter().all(Result::is_ok), "{both:?}");
    assert_eq!(paths(&asked).len(), 6, "it has shown again that it is ours");
}
