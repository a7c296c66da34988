// SPDX-License-Identifier: Apache-2.0
//! vault: a library that exports `acme:vault/secret-store` and keeps the secrets in a database behind HTTP.
//!
//! It asks `http://$DATABASE/secrets/NAME` (host:port from its own environment) and says who it is
//! by the token in its own file `/secrets/token`. Both are what its consumer must not have.

use std::io::Read as _;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};

wit_bindgen::generate!({ path: "../wit", world: "vault" });

use exports::acme::vault::secret_store::{Guest, GuestSecret, Refusal, Secret};

const TOKEN: &str = "/secrets/token";
const SECRET_BYTES_MAX: u64 = 64 * 1024;

struct Vault;
export!(Vault);

struct Kept(String);

impl GuestSecret for Kept {
    fn expose(&self) -> String {
        self.0.clone()
    }
}

impl Guest for Vault {
    type Secret = Kept;

    fn get(name: String) -> Result<Secret, Refusal> {
        match ask(&name) {
            Ok(Some(text)) => {
                eprintln!("vault: {name} was handed out");
                Ok(Secret::new(Kept(text)))
            }
            Ok(None) => {
                eprintln!("vault: there is no {name}");
                Err(Refusal::Unknown)
            }
            Err(why) => {
                eprintln!("vault: {name}: {why}");
                Err(Refusal::Unreachable)
            }
        }
    }
}

/// The database's answer; nothing where it has no such secret.
fn ask(name: &str) -> Result<Option<String>, String> {
    let database = std::env::var("DATABASE").map_err(|_| "DATABASE is not set".to_string())?;
    let token = std::fs::read_to_string(TOKEN).map_err(|error| format!("{TOKEN}: {error}"))?;
    let headers = Fields::new();
    headers
        .append("authorization", format!("Bearer {}", token.trim()).as_bytes())
        .map_err(|error| format!("the token is no header: {error:?}"))?;
    let request = OutgoingRequest::new(headers);
    let path = format!("/secrets/{name}");
    request.set_scheme(Some(&Scheme::Http)).map_err(|()| "no such scheme".to_string())?;
    request.set_authority(Some(&database)).map_err(|()| format!("{database} is no host"))?;
    request.set_path_with_query(Some(&path)).map_err(|()| format!("{path} is no path"))?;
    let coming = outgoing_handler::handle(request, None).map_err(|code| format!("{code:?}"))?;
    coming.subscribe().block();
    let response = match coming.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return Err(format!("{code:?}")),
        _ => return Err("no answer".into()),
    };
    if response.status() == 404 {
        return Ok(None);
    }
    if response.status() != 200 {
        return Err(format!("the database answers {}", response.status()));
    }
    let body = response.consume().map_err(|()| "no body".to_string())?;
    let mut stream = body.stream().map_err(|()| "no body".to_string())?;
    let mut bytes = Vec::new();
    (&mut stream).take(SECRET_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map(Some).map_err(|error| error.to_string())
}
