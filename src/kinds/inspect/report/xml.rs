//! What the formats in XML have in common.

use quick_xml::events::BytesStart;

use super::{ReportError, wrong};

/// An attribute with the five entities of XML itself resolved; any other entity is an error.
pub(super) fn attribute(
    format: &'static str,
    element: &BytesStart<'_>,
    name: &str,
) -> Result<Option<String>, ReportError> {
    let found = element
        .try_get_attribute(name)
        .map_err(|error| wrong(format, &error))?;
    let Some(found) = found else {
        return Ok(None);
    };
    let text = quick_xml::escape::unescape(&found.value).map_err(|error| wrong(format, &error))?;
    Ok(Some(text.into_owned()))
}
