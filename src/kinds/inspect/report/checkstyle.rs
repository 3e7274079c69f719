//! Checkstyle's XML: files with errors. Entities of the document's own are not expanded, so none can grow or reach out.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::{MAX_READ, ReportError, wrong, xml};
use crate::model::{CommentSeverity, ReviewComment, SourceLocation};

const FORMAT: &str = "checkstyle's XML";

pub(super) fn read(report: &[u8]) -> Result<Vec<ReviewComment>, ReportError> {
    if report.iter().all(u8::is_ascii_whitespace) {
        return Err(ReportError::Empty);
    }
    let mut reader = Reader::from_reader(report);
    let mut reading = Reading::default();
    loop {
        match reader.read_event().map_err(|error| wrong(FORMAT, &error))? {
            Event::Eof => break,
            Event::DocType(_) => return Err(wrong(FORMAT, &"it declares a document type")),
            Event::Start(element) | Event::Empty(element) => reading.element(&element)?,
            Event::End(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::GeneralRef(_) => {}
        }
    }
    match reading.has_root {
        true => Ok(reading.comments),
        false => Err(wrong(FORMAT, &"it has no element `checkstyle`")),
    }
}

#[derive(Default)]
struct Reading {
    has_root: bool,
    file: Option<String>,
    comments: Vec<ReviewComment>,
}

impl Reading {
    fn element(&mut self, element: &BytesStart<'_>) -> Result<(), ReportError> {
        match element.name().as_ref() {
            "checkstyle" => self.has_root = true,
            "file" => self.file = attribute(element, "name")?,
            "error" if self.comments.len() < MAX_READ => {
                let comment = self.comment(element)?;
                self.comments.push(comment);
            }
            _ => {}
        }
        Ok(())
    }

    fn comment(&self, element: &BytesStart<'_>) -> Result<ReviewComment, ReportError> {
        let number = |name| {
            let text = attribute(element, name)?;
            Ok::<_, ReportError>(
                text.and_then(|text| text.parse().ok())
                    .filter(|number| *number > 0),
            )
        };
        let source = attribute(element, "source")?;
        let severity = attribute(element, "severity")?;
        let location = match &self.file {
            Some(path) => Some(SourceLocation {
                path: path.clone(),
                line: number("line")?,
                column: number("column")?,
            }),
            None => None,
        };
        Ok(ReviewComment {
            severity: severity
                .and_then(|word| CommentSeverity::parse(&word))
                .unwrap_or(CommentSeverity::Error),
            category: "checkstyle".to_owned(),
            detail: attribute(element, "message")?
                .or_else(|| source.clone())
                .unwrap_or_else(|| "no message".to_owned()),
            subcategory: source,
            location,
            fix: None,
        })
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, ReportError> {
    xml::attribute(FORMAT, element, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_errors_are_read() {
        let report = br#"<?xml version="1.0" encoding="utf-8"?>
<checkstyle version="8.0">
  <file name="src/A.java">
    <error line="4" column="0" severity="warning" message="a &lt; b &amp;&#39;c&#39;" source="com.acme.Rule"/>
    <error severity="error" message="whole file"></error>
  </file>
  <file name="src/B.java"/>
</checkstyle>"#;
        let comments = read(report).unwrap();
        assert_eq!(comments.len(), 2);
        assert_eq!(comments[0].detail, "a < b &'c'");
        assert_eq!(comments[0].severity, CommentSeverity::Warn);
        assert_eq!(comments[0].location.as_ref().unwrap().to_string(), "src/A.java:4");
        assert_eq!(comments[1].severity, CommentSeverity::Error);
        assert_eq!(read(b"<checkstyle/>"), Ok(Vec::new()));
    }

    #[test]
    fn b7_entities_document_types_and_other_documents_are_refused() {
        let bomb = br#"<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><checkstyle/>"#;
        let unknown = br#"<checkstyle><file name="&b;"><error/></file></checkstyle>"#;
        for hostile in [&bomb[..], unknown, b"<html/>", b"<checkstyle", b"no xml"] {
            assert!(read(hostile).is_err(), "{}", String::from_utf8_lossy(hostile));
        }
        assert_eq!(read(b""), Err(ReportError::Empty));
        let deep = "<a>".repeat(200_000);
        assert!(read(deep.as_bytes()).is_err());
    }
}
