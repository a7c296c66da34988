// SPDX-License-Identifier: Apache-2.0
//! reader: a command that imports `acme:vault/secret-store` and tries to do without it.
//!
//! | word | what it does |
//! |---|---|
//! | `get NAME` | prints the secret |
//! | `hold COUNT NAME` | holds so many at once, then drops them |
//! | `try HOST:PORT` | reads the provider's token, lists folders, connects, asks by HTTP: a line each |
//! | `env` | its own environment, sorted |

use acme::vault::secret_store::{Secret, get};
use std::io::Write as _;
use wasip2::cli::environment::get_arguments;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};

wit_bindgen::generate!({ path: "../wit", world: "reader" });

struct Reader;
wasip2::cli::command::export!(Reader);

impl wasip2::exports::cli::run::Guest for Reader {
    fn run() -> Result<(), ()> {
        let words = get_arguments();
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let done = match words[..] {
            ["get", name] => get(name).map(|secret| println!("{}", secret.expose())),
            ["hold", count, name] => hold(count.parse().unwrap_or(1), name),
            ["try", database] => {
                attempts(database);
                return Ok(());
            }
            ["env"] => {
                environment();
                return Ok(());
            }
            _ => {
                eprintln!("reader: get NAME | hold COUNT NAME | try HOST:PORT | env");
                return Err(());
            }
        };
        let done = done.map_err(|refusal| eprintln!("reader: {refusal:?}"));
        // The last line may still be in our own buffer.
        std::io::stdout().flush().map_err(|_| ()).and(done)
    }
}

fn hold(count: usize, name: &str) -> Result<(), acme::vault::secret_store::Refusal> {
    let held = (0..count).map(|_| get(name)).collect::<Result<Vec<Secret>, _>>()?;
    let bytes: usize = held.iter().map(|secret| secret.expose().len()).sum();
    println!("{} secrets, {bytes} bytes", held.len());
    Ok(())
}

fn environment() {
    let mut lines: Vec<String> = std::env::vars().map(|(k, v)| format!("{k}={v}")).collect();
    lines.sort();
    lines.iter().for_each(|line| println!("{line}"));
}

/// All of it is the provider's and not ours.
fn attempts(database: &str) {
    let told = |what: &str, outcome: Result<String, String>| match outcome {
        Ok(got) => println!("{what}: GOT {got}"),
        Err(why) => println!("{what}: denied: {why}"),
    };
    told("read /secrets/token", std::fs::read_to_string("/secrets/token").map_err(|e| e.to_string()));
    told(
        "list /",
        std::fs::read_dir("/").map(|all| format!("{} entries", all.count())).map_err(|e| e.to_string()),
    );
    told("variable DATABASE", std::env::var("DATABASE").map_err(|error| error.to_string()));
    told("ask by HTTP", ask(database));
}

fn ask(database: &str) -> Result<String, String> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).map_err(|()| "no such scheme")?;
    request.set_authority(Some(database)).map_err(|()| "no such host")?;
    request.set_path_with_query(Some("/secrets/password")).map_err(|()| "no such path")?;
    let coming = outgoing_handler::handle(request, None).map_err(|code| format!("{code:?}"))?;
    coming.subscribe().block();
    match coming.get() {
        Some(Ok(Ok(response))) => Ok(format!("status {}", response.status())),
        Some(Ok(Err(code))) => Err(format!("{code:?}")),
        _ => Err("no answer".into()),
    }
}
