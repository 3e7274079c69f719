//! Query strings as the hash reads them: split, decoded, and encoded again in one way (security model 5.3).

/// Splits a query string into decoded names and values.
pub(super) fn parameters(query: &str) -> Vec<(String, String)> {
    let pair = |piece: &str| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        (decoded(name), decoded(value))
    };
    query
        .split('&')
        .filter(|piece| !piece.is_empty())
        .map(pair)
        .collect()
}

/// The fields of a form, decoded.
pub fn form_fields(body: &str) -> Vec<(String, String)> {
    parameters(body)
}

/// `+` is a space, `%XX` a byte, anything else itself; what is no UTF-8 becomes U+FFFD.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| escape(bytes, at)).flatten();
        match (escaped, byte) {
            (Some(byte), _) => {
                plain.push(byte);
                at += 2;
            }
            (None, b'+') => plain.push(b' '),
            (None, byte) => plain.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The byte that an escape at this place stands for; `None` when it is malformed.
fn escape(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |offset: usize| char::from(*bytes.get(at + offset)?).to_digit(16);
    u8::try_from(digit(1)? * 16 + digit(2)?).ok()
}

/// Unreserved characters stay, every other byte becomes `%XX`.
pub(super) fn encoded(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_leniently_and_written_in_one_way() {
        let read = |query: &str| parameters(query);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read("a=%zz&b=%4"), [pair("a", "%zz"), pair("b", "%4")]);
        assert_eq!(read("a+b=%c3%A9&&=x"), [pair("a b", "é"), pair("", "x")]);
        assert_eq!(read("a=%C3"), [pair("a", "\u{fffd}")]);
        assert_eq!(encoded("a b~*'()!,é"), "a%20b~%2A%27%28%29%21%2C%C3%A9");
    }
}
