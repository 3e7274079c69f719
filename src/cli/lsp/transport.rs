//! Messages over two pipes: headers, an empty line, JSON. Everything that is read is bounded.

use std::io::{self, BufRead, Read, Write};

use serde_json::{Value, json};

/// Largest message in bytes; a goal file has at most 1 MiB, and edits may carry a whole one.
const LARGEST: u64 = 16 << 20;

/// Longest header line in bytes.
const LONGEST_HEADER: u64 = 4096;

/// Something the other side sent.
#[derive(Debug, PartialEq)]
pub(super) enum Received {
    /// A message.
    Message(Value),
    /// What should have been one, and why it is none.
    Nonsense(&'static str),
    /// Nothing more will come.
    End,
}

/// Reads the next message. Lines that are no header are passed over, so that noise between messages does no harm.
///
/// # Errors
/// The pipe cannot be read.
pub(super) fn receive(input: &mut impl BufRead) -> io::Result<Received> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        if input.by_ref().take(LONGEST_HEADER).read_until(b'\n', &mut line)? == 0 {
            return Ok(Received::End);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        match (line.is_empty(), length) {
            (true, Some(length)) => return body(input, length),
            (true, None) => {}
            (false, _) => length = content_length(line).or(length),
        }
    }
}

fn content_length(line: &str) -> Option<u64> {
    let (name, value) = line.split_once(':')?;
    name.eq_ignore_ascii_case("content-length")
        .then(|| value.trim().parse().ok())
        .flatten()
}

fn body(input: &mut impl BufRead, length: u64) -> io::Result<Received> {
    if length > LARGEST {
        let skipped = io::copy(&mut input.by_ref().take(length), &mut io::sink())?;
        return Ok(match skipped == length {
            true => Received::Nonsense("the message is larger than 16 MiB"),
            false => Received::End,
        });
    }
    let mut bytes = Vec::new();
    input.by_ref().take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Ok(Received::End);
    }
    Ok(match serde_json::from_slice(&bytes) {
        Ok(message) => Received::Message(message),
        Err(_) => Received::Nonsense("the message is not JSON"),
    })
}

/// Writes a message.
///
/// # Errors
/// The pipe cannot be written.
pub(super) fn send(output: &mut impl Write, message: &Value) -> io::Result<()> {
    let text = message.to_string();
    write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    output.flush()
}

/// The answer to a request.
pub(super) fn answer(id: &Value, result: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

/// The refusal of a request.
pub(super) fn refusal(id: &Value, code: i32, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

/// Something to tell that nobody asked for.
pub(super) fn notification(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: &[u8]) -> Vec<Received> {
        let mut found = Vec::new();
        loop {
            found.push(receive(&mut bytes).unwrap());
            if found.last() == Some(&Received::End) {
                return found;
            }
        }
    }

    #[test]
    fn messages_are_found_between_noise() {
        let text = b"Content-Type: x\r\nContent-Length: 2\r\n\r\n{}noise\r\n\r\ncontent-length:3\n\n[1]Content-Length: 2\r\n\r\n{x";
        assert_eq!(
            all(text),
            [
                Received::Message(json!({})),
                Received::Message(json!([1])),
                Received::Nonsense("the message is not JSON"),
                Received::End,
            ]
        );
    }

    #[test]
    fn what_is_cut_off_or_too_large_ends_or_is_skipped() {
        assert_eq!(all(b"Content-Length: 9\r\n\r\n{}"), [Received::End]);
        assert_eq!(
            all(b"Content-Length: 99999999999999999999\r\n\r\n{}"),
            [Received::End]
        );
        let mut large = format!("Content-Length: {}\r\n\r\n", LARGEST + 1).into_bytes();
        large.resize(large.len() + LARGEST as usize + 1, b' ');
        large.extend(b"Content-Length: 4\r\n\r\nnull");
        assert_eq!(
            all(&large),
            [
                Received::Nonsense("the message is larger than 16 MiB"),
                Received::Message(Value::Null),
                Received::End,
            ]
        );
    }
}
