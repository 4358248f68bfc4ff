//! Takes out of people's words what could make a mail say something else than they wrote: line breaks where a line
//! belongs (RFC 5322 section 2.2: header injection), control characters, and characters that turn the direction of
//! the text around.

/// Longer lines are cut: titles and names have their own limits long before.
const MAX_LINE: usize = 300;

/// Longer notes are cut; feedback has at most 1,024 characters.
const MAX_BLOCK: usize = 4_000;

/// One line: every run of white space and line breaks becomes one space. Spaces that keep words together stay: French
/// needs them.
pub fn line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let parts = |c: char| (c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}')) || c.is_control();
    for word in text.split(parts).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|c| !turns_text(*c)));
    }
    cut(line, MAX_LINE)
}

/// Several lines, kept as such; none of them holds a control character.
pub fn block(text: &str) -> Vec<String> {
    let breaks = ['\n', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
    let text = cut(text.replace("\r\n", "\n").replace('\r', "\n"), MAX_BLOCK);
    text.trim()
        .split(breaks)
        .map(|line| {
            let line: String = line.chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
            line.trim_end().chars().filter(|c| !c.is_control() && !turns_text(*c)).collect()
        })
        .collect()
}

/// Letters, digits and `. - _` alone: what may stand in an id header.
pub fn token(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')).collect()
}

/// Embeddings, overrides and isolates (UAX #9), which can show text in another order than it is written; and the
/// invisible byte order mark.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn cut(text: String, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(
            line("  Spring\r\nBcc: victim@example.com\u{2028}\tsale\0 "),
            "Spring Bcc: victim@example.com sale"
        );
        assert_eq!(line("\u{202e}gpj.exe\u{202c}"), "gpj.exe");
        assert_eq!(line(&"x".repeat(1_000)).chars().count(), MAX_LINE + 1);
    }

    #[test]
    fn a_block_keeps_its_lines_and_nothing_else() {
        assert_eq!(block("one\r\n\r\ntwo\u{7}\rthree\u{2028}four\n"), ["one", "", "two", "three", "four"]);
        assert_eq!(block(""), [""]);
    }

    #[test]
    fn a_token_holds_no_header_syntax() {
        assert_eq!(token("a.b-c_1>\r\nBcc: x@y"), "a.b-c_1Bccxy");
    }
}
