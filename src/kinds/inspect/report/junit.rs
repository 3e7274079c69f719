//! JUnit's XML, which most test runners write: each test that failed becomes a comment. Entities of the document's own are not
//! expanded.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::xml::attribute;
use super::{MAX_READ, ReportError, wrong};
use crate::model::{CommentSeverity, ReviewComment, SourceLocation};

pub(super) const FORMAT: &str = "JUnit's XML";

/// Most characters of what a test says that are read.
const LONGEST_DETAIL: usize = 2_000;

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
            Event::Start(element) => reading.begin(&element)?,
            Event::Empty(element) => {
                reading.begin(&element)?;
                reading.end(element.name().as_ref());
            }
            Event::End(element) => reading.end(element.name().as_ref()),
            Event::Text(text) => reading.says(&text),
            Event::CData(text) => reading.says(&text),
            Event::GeneralRef(entity) => reading.says(&meant(&entity)?),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    match reading.has_root {
        true => Ok(reading.comments),
        false => Err(wrong(
            FORMAT,
            &"it has neither an element `testsuites` nor a `testsuite`",
        )),
    }
}

/// What one of the five entities of XML itself stands for, or a character by its number.
fn meant(entity: &str) -> Result<String, ReportError> {
    let written = format!("&{entity};");
    let meant = quick_xml::escape::unescape(&written).map_err(|error| wrong(FORMAT, &error))?;
    Ok(meant.into_owned())
}

#[derive(Default)]
struct Reading {
    has_root: bool,
    /// The file that a suite says its tests are in.
    suite_file: Option<String>,
    test: Option<Test>,
    /// How the test failed, while that is read.
    failure: Option<Failure>,
    comments: Vec<ReviewComment>,
}

/// A test as it says what it is.
#[derive(Default)]
struct Test {
    name: String,
    class: Option<String>,
    file: Option<String>,
    line: Option<u32>,
}

/// How a test failed.
struct Failure {
    message: Option<String>,
    text: String,
}

impl Reading {
    fn begin(&mut self, element: &BytesStart<'_>) -> Result<(), ReportError> {
        let said = |name| attribute(FORMAT, element, name);
        match element.name().as_ref() {
            "testsuites" => self.has_root = true,
            "testsuite" => {
                self.has_root = true;
                self.suite_file = said("file")?;
            }
            "testcase" => {
                self.test = Some(Test {
                    name: said("name")?.unwrap_or_else(|| "a test".to_owned()),
                    class: said("classname")?.filter(|class| !class.is_empty()),
                    file: said("file")?.or_else(|| self.suite_file.clone()),
                    line: said("line")?
                        .and_then(|text| text.parse().ok())
                        .filter(|number| *number > 0),
                });
            }
            "failure" | "error" if self.test.is_some() => {
                self.failure = Some(Failure {
                    message: said("message")?.filter(|message| !message.trim().is_empty()),
                    text: String::new(),
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// Only what a failure says is kept, and not more of it than is shown.
    fn says(&mut self, text: &str) {
        if let Some(failure) = &mut self.failure {
            let room = LONGEST_DETAIL.saturating_sub(failure.text.chars().count());
            failure.text.extend(text.chars().take(room));
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "failure" | "error" => {
                if let (Some(failure), Some(test)) = (self.failure.take(), &self.test)
                    && self.comments.len() < MAX_READ
                {
                    self.comments.push(comment(test, &failure));
                }
            }
            "testcase" => self.test = None,
            "testsuite" => self.suite_file = None,
            _ => {}
        }
    }
}

fn comment(test: &Test, failure: &Failure) -> ReviewComment {
    let first = failure.text.lines().map(str::trim).find(|line| !line.is_empty());
    let said = failure.message.as_deref().or(first);
    let said: Option<String> = said.map(|said| said.chars().take(LONGEST_DETAIL).collect());
    ReviewComment {
        severity: CommentSeverity::Error,
        category: "test".to_owned(),
        subcategory: test.class.clone(),
        detail: match said {
            Some(said) => format!("{} failed: {}", test.name, said.trim()),
            None => format!("{} failed", test.name),
        },
        location: test.file.as_ref().map(|path| SourceLocation {
            path: path.clone(),
            line: test.line,
            column: None,
        }),
        fix: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_02_tests_that_failed_become_comments() {
        let report = br#"<?xml version="1.0" encoding="utf-8"?>
<testsuites>
  <testsuite name="pytest" tests="4" file="tests/test_app.py">
    <testcase classname="tests.test_app" name="test_adds" time="0.01"/>
    <testcase classname="tests.test_app" name="test_divides" file="tests/test_div.py" line="12">
      <failure message="assert 1 == 2 &amp; more" type="AssertionError">def test_divides():
&gt; assert 1 == 2</failure>
      <system-out>not of interest</system-out>
    </testcase>
    <testcase name="test_breaks"><error><![CDATA[
       Traceback: no such file
       more]]></error></testcase>
    <testcase name="test_later"><skipped/></testcase>
    <testcase name="test_silent"><failure/></testcase>
  </testsuite>
</testsuites>"#;
        let comments = read(report).unwrap();
        let shown: Vec<String> = comments.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(shown.join("\n"), @"
        tests/test_div.py:12: error: test_divides failed: assert 1 == 2 & more [tests.test_app]
        tests/test_app.py: error: test_breaks failed: Traceback: no such file
        tests/test_app.py: error: test_silent failed
        ");
        assert_eq!(comments[0].subcategory.as_deref(), Some("tests.test_app"));
        assert_eq!(read(b"<testsuite/>"), Ok(Vec::new()));
    }

    #[test]
    fn b7_other_documents_and_endless_texts_are_refused_or_cut() {
        for hostile in [
            &b"<!DOCTYPE x [<!ENTITY a \"aaaa\">]><testsuite/>"[..],
            b"<checkstyle/>",
            b"<testsuite><testcase name='&b;'/></testsuite>",
            b"<testsuite><testcase name='a'><failure>&b;</failure></testcase></testsuite>",
            b"<testsuite",
            b"no xml",
        ] {
            assert!(read(hostile).is_err(), "{}", String::from_utf8_lossy(hostile));
        }
        assert_eq!(read(b" \n"), Err(ReportError::Empty));
        let long = format!(
            "<testsuite><testcase name='a'><failure>{}</failure></testcase></testsuite>",
            "x".repeat(1_000_000)
        );
        assert!(read(long.as_bytes()).unwrap()[0].detail.len() < 3_000);
        let many = "<testcase name='a'><failure/></testcase>".repeat(200_000);
        let many = format!("<testsuite>{many}</testsuite>");
        assert_eq!(read(many.as_bytes()).unwrap().len(), MAX_READ);
    }
}
