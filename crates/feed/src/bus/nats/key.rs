//! A key of a JetStream key-value, which is replaced only by whoever knows what it was: by it machines agree which of them
//! is the core of a market. What stands there is not known here. The server has to be of 2.10, and to have JetStream.
//!
//! It has a connection of its own, on which each call waits for the server; not for threads that serve others.

use std::fmt;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::{self, kv};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::options::{Options, Unusable};

/// Its bucket, unless an operator has made it before: with one entry of each key, on one server.
pub const BUCKET: &str = "rialto";
/// The longest value.
const VALUE_BYTES_MAX: i32 = 1_024;

/// A key.
pub struct Key {
    options: Options,
    key: String,
    runtime: Option<Runtime>,
    client: Option<Client>,
    bucket: Option<kv::Store>,
}

impl Key {
    /// That of this name, of letters, digits, `-` and `_`. Nobody is connected to yet.
    ///
    /// # Errors
    /// The options are of no use, or the system does not let it.
    pub fn new(options: Options, key: &str) -> Result<Self, Unusable> {
        options.addresses()?;
        let runtime = Some(tokio::runtime::Builder::new_current_thread().enable_all().build()?);
        Ok(Self { options, key: key.to_owned(), runtime, client: None, bucket: None })
    }

    /// Its revision and what stands there, if something does. It may be a while old.
    ///
    /// # Errors
    /// In words, if nobody says so within this time.
    pub fn read(&mut self, limit: Duration) -> Result<Option<(u64, String)>, String> {
        self.ask(limit, async |bucket, key| {
            let entry = bucket.entry(key).await.map_err(|error| error.to_string())?;
            let Some(entry) = entry.filter(|it| it.operation == kv::Operation::Put) else {
                return Ok(None);
            };
            let text = String::from_utf8(entry.value.to_vec());
            Ok(Some((entry.revision, text.map_err(|_| "what stands there is no text")?)))
        })
    }

    /// Replaces what stands there in this revision, or is the first to put something there. The revision that it has then;
    /// `None` if there is another.
    ///
    /// # Errors
    /// In words, if nobody says so within this time. It may have been done, or be done later.
    pub fn replace(
        &mut self,
        revision: Option<u64>,
        text: &str,
        limit: Duration,
    ) -> Result<Option<u64>, String> {
        let text = text.to_owned();
        self.ask(limit, async move |bucket, key| match revision {
            Some(revision) => match bucket.update(key, text.into(), revision).await {
                Ok(revision) => Ok(Some(revision)),
                Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => Ok(None),
                Err(error) => Err(error.to_string()),
            },
            None => match bucket.create(key, text.into()).await {
                Ok(revision) => Ok(Some(revision)),
                Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => Ok(None),
                Err(error) => Err(error.to_string()),
            },
        })
    }

    /// Asks the bucket, and waits no longer than this.
    fn ask<T>(
        &mut self,
        limit: Duration,
        question: impl AsyncFnOnce(&kv::Store, &str) -> Result<T, String>,
    ) -> Result<T, String> {
        let Self { options, key, runtime, client, bucket } = self;
        let runtime = runtime.as_ref().ok_or("it is being closed")?;
        let asked = async {
            if client.is_none() {
                let servers = options.addresses().map_err(|error| error.to_string())?;
                let options = options.client().map_err(|error| error.to_string())?;
                let connected = options.connect(servers).await;
                *client = Some(connected.map_err(|error| error.to_string())?);
            }
            if bucket.is_none()
                && let Some(client) = client
            {
                let mut context = jetstream::new(client.clone());
                context.set_timeout(limit);
                *bucket = Some(opened(&context).await?);
            }
            let bucket = bucket.as_ref().expect("it was opened");
            question(bucket, key).await
        };
        // Its clock is the runtime's.
        let answered = runtime.block_on(async { timeout(limit, asked).await });
        answered.unwrap_or_else(|_| Err("it does not answer".to_owned()))
    }
}

/// The bucket, which is made if it is not there.
async fn opened(context: &jetstream::Context) -> Result<kv::Store, String> {
    let there = context.get_key_value(BUCKET).await;
    if let Ok(bucket) = there {
        return Ok(bucket);
    }
    let made = context.create_key_value(kv::Config {
        bucket: BUCKET.to_owned(),
        description: "rialto: which machine is the core of a market".to_owned(),
        history: 1,
        max_value_size: VALUE_BYTES_MAX,
        ..kv::Config::default()
    });
    made.await.map_err(|error| error.to_string())
}

/// Whoever drops it does not wait for it.
impl Drop for Key {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("key", &self.key).finish_non_exhaustive()
    }
}

/// For people.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the key {} of the bucket {BUCKET} on {}",
            self.key,
            self.options.servers.join(", ")
        )
    }
}
