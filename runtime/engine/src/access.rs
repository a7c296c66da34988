// SPDX-License-Identifier: Apache-2.0
//! The access log: a line of JSON for each request, once its answer has ended.
//!
//! Belongs here: what a line says, its bounds, what becomes of lines that nobody reads.
//! Does not belong here: the descriptor (stdio.rs), lines about failures (complaints.rs).
//!
//! A line is written whole or not at all, and never waited for.

use crate::stdio::Output;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use std::fmt::Write;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wasmtime_wasi_http::{Error, WasiBody};

/// Bytes of a path in a line, as they are escaped.
const PATH_MAX: usize = 1024;
const METHOD_MAX: usize = 32;

/// What other servers write for a peer that did not wait for its answer.
const PEER_LEFT: u16 = 499;

pub struct AccessLog {
    output: Arc<Output>,
    dropped: AtomicU64,
}

/// A request from its arrival to the end of its answer; dropping it writes the line.
pub struct Entry {
    log: Arc<AccessLog>,
    at: SystemTime,
    started: Instant,
    peer: SocketAddr,
    method: Method,
    uri: Uri,
    version: Version,
    status: u16,
    bytes: u64,
    cut: bool,
}

impl AccessLog {
    pub fn new(output: Arc<Output>) -> Arc<AccessLog> {
        Arc::new(AccessLog { output, dropped: AtomicU64::new(0) })
    }

    pub fn entry<B>(self: &Arc<Self>, peer: SocketAddr, request: &Request<B>) -> Entry {
        Entry {
            log: self.clone(),
            at: SystemTime::now(),
            started: Instant::now(),
            peer,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            status: PEER_LEFT,
            bytes: 0,
            cut: false,
        }
    }

    /// A request that was refused before it could be read as one.
    pub fn unread(&self, peer: SocketAddr, status: StatusCode) {
        let mut line = begin(SystemTime::now());
        let status = status.as_u16();
        let _ = writeln!(line, r#","peer":"{peer}","status":{status},"unread":true}}"#);
        self.write(&line);
    }

    /// How many lines are missing, as a line, if there is room for it now.
    pub fn finish(&self) {
        if self.dropped.load(Relaxed) > 0 {
            self.write("");
        }
    }

    fn write(&self, line: &str) {
        let dropped = self.dropped.swap(0, Relaxed);
        let taken = if dropped == 0 {
            self.output.offer(line)
        } else {
            let mut text = begin(SystemTime::now());
            let _ = writeln!(text, r#","dropped":{dropped}}}"#);
            self.output.offer(&(text + line))
        };
        if !taken {
            self.dropped.fetch_add(dropped + u64::from(!line.is_empty()), Relaxed);
        }
    }
}

impl Entry {
    /// The answer, which takes the entry along until its body has ended.
    pub fn follow(mut self, response: Response<WasiBody>) -> Response<WasiBody> {
        self.status = response.status().as_u16();
        let bodiless = self.method == Method::HEAD
            || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        response.map(|body| {
            self.cut = !bodiless && !body.is_end_stream();
            Followed { body, entry: self }.boxed_unsync()
        })
    }

    fn line(&self) -> String {
        let mut line = begin(self.at);
        let ms = self.started.elapsed().as_micros() as f64 / 1000.0;
        let path = self.uri.path_and_query().map_or("", |path| path.as_str());
        let _ = write!(line, r#","peer":"{}","method":""#, self.peer);
        escape(self.method.as_str(), METHOD_MAX, &mut line);
        line.push_str(r#"","path":""#);
        escape(path, PATH_MAX, &mut line);
        let _ = write!(
            line,
            r#"","protocol":"{:?}","status":{},"bytes":{},"ms":{ms:.3}"#,
            self.version, self.status, self.bytes
        );
        line.push_str(if self.cut { ",\"cut\":true}\n" } else { "}\n" });
        line
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.log.write(&self.line());
    }
}

/// An answer's body, counted as the connection takes it.
struct Followed {
    body: WasiBody,
    entry: Entry,
}

impl Body for Followed {
    type Data = bytes::Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.entry.bytes += bytes;
                self.entry.cut = !frame.is_trailers() && !self.body.is_end_stream();
            }
            Poll::Ready(None) => self.entry.cut = false,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn begin(at: SystemTime) -> String {
    let mut line = String::with_capacity(256);
    line.push_str(r#"{"skep":"access","time":""#);
    stamp(at.duration_since(UNIX_EPOCH).unwrap_or_default(), &mut line);
    line.push('"');
    line
}

/// A time as RFC 3339 has it, to the millisecond.
fn stamp(since_1970: Duration, to: &mut String) {
    let seconds = since_1970.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let _ = write!(
        to,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        since_1970.subsec_millis()
    );
}

/// Year, month and day of a day since 1970. Years are counted from March, so that the day that
/// is added every fourth year is their last one.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Printable ASCII as it is, the rest as JSON writes it, byte by byte; cut with "…" where it is
/// longer than `max` bytes.
fn escape(text: &str, max: usize, to: &mut String) {
    let end = to.len() + max;
    for byte in text.bytes() {
        let before = to.len();
        match byte {
            b'"' | b'\\' => {
                to.push('\\');
                to.push(byte as char);
            }
            b' '..=b'~' => to.push(byte as char),
            _ => {
                let _ = write!(to, "\\u{byte:04x}");
            }
        }
        if to.len() > end {
            to.truncate(before);
            to.push('…');
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{escape, stamp};
    use std::time::Duration;

    fn escaped(text: &str, max: usize) -> String {
        let mut to = String::new();
        escape(text, max, &mut to);
        to
    }

    #[test]
    fn what_a_peer_wrote_cannot_leave_its_quotes() {
        assert_eq!(escaped(r#"/a"b\c"#, 100), r#"/a\"b\\c"#);
        assert_eq!(escaped("/\n\u{7f}\u{e4}", 100), "/\\u000a\\u007f\\u00c3\\u00a4");
    }

    #[test]
    fn what_is_too_long_is_cut_between_two_signs() {
        assert_eq!(escaped("abcdef", 6), "abcdef");
        assert_eq!(escaped("abcdefg", 6), "abcdef…");
        assert_eq!(escaped("abcd\n", 6), "abcd…");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        let stamped = |seconds: u64, ms: u64| {
            let mut to = String::new();
            stamp(Duration::from_millis(seconds * 1000 + ms), &mut to);
            to
        };
        assert_eq!(stamped(0, 7), "1970-01-01T00:00:00.007Z");
        assert_eq!(stamped(951_782_399, 0), "2000-02-28T23:59:59.000Z");
        assert_eq!(stamped(951_782_400, 0), "2000-02-29T00:00:00.000Z");
        assert_eq!(stamped(1_077_926_400, 0), "2004-02-28T00:00:00.000Z");
        assert_eq!(stamped(4_107_542_399, 999), "2100-02-28T23:59:59.999Z");
        assert_eq!(stamped(4_107_542_400, 0), "2100-03-01T00:00:00.000Z");
    }
}
