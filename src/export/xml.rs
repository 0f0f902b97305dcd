//! Text in XML.

/// A text as it stands between tags and in attributes in double quotes. What XML 1.0 has no place for (control
/// characters, U+FFFE and U+FFFF), and line ends, which attributes and SVG do not keep, become spaces.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_escaped_is_xml_and_reads_as_it_was() {
        let text = "A & B <i>\"µm\"</i> ]]> 'x' \u{1f52c} \u{7}\n\u{85}\u{ffff}|";
        let escaped = escape(text);
        let xml = format!("<a b=\"{escaped}\">{escaped}</a>");
        let read = roxmltree::Document::parse(&xml).unwrap();
        let expected = "A & B <i>\"µm\"</i> ]]> 'x' \u{1f52c}     |";
        assert_eq!(read.root_element().attribute("b"), Some(expected));
        assert_eq!(read.root_element().text(), Some(expected));
    }
}
