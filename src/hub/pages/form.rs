//! Forms as browsers send them.

use reqwest::Url;

/// The fields of a form.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`; what is none has no fields.
    pub(super) fn read(body: &[u8]) -> Self {
        let fields = std::str::from_utf8(body).ok().and_then(|text| {
            let mut url = Url::parse("form:/").ok()?;
            url.set_query(Some(text));
            let pairs = url.query_pairs();
            Some(
                pairs
                    .map(|(name, value)| (name.into_owned(), value.into_owned()))
                    .collect(),
            )
        });
        Self(fields.unwrap_or_default())
    }

    /// The value of a field; empty when it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value)
    }

    /// All values of a field.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let own = self.0.iter().filter(move |(own, _)| own == name);
        own.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_were_typed() {
        let form = Form::read(b"a=1+%26+2&b=x&b=%C3%A4&=&c");
        assert_eq!(
            (form.text("a"), form.text("c"), form.text("none")),
            ("1 & 2", "", "")
        );
        assert_eq!(form.all("b").collect::<Vec<_>>(), ["x", "\u{e4}"]);
        assert_eq!(Form::read(b"\xff").text("a"), "");
    }
}
