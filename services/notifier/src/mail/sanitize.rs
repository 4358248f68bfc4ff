//! Takes out of people's words what could make a mail say something else than they wrote: line breaks where a line
//! belongs (RFC 5322 section 2.2: header injection), control characters, and characters that turn the direction of
//! the text around. What is left is shown in its own order, and no mail program makes a link of it (NOT-16).

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
    balanced(&cut(line, MAX_LINE))
}

/// One line of what a person typed, to stand among other words: right-to-left text keeps its order and leaves theirs alone, and
/// nothing in it is taken for a link.
pub fn value(text: &str) -> String {
    shown(&line(text))
}

/// The same of a line that is one already, with its blanks.
pub fn shown(line: &str) -> String {
    let text = unlinked(line);
    if text.chars().any(is_right_to_left) { format!("{ISOLATE}{text}{ISOLATE_END}") } else { text }
}

/// One line where nothing becomes a link, as in a subject: as it was typed.
pub fn title(text: &str) -> String {
    line(text).replace(BREAK, "")
}

/// Several lines, kept as such; none of them holds a control character.
pub fn block(text: &str) -> Vec<String> {
    let breaks = ['\n', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
    let text = cut(text.replace("\r\n", "\n").replace('\r', "\n"), MAX_BLOCK);
    text.trim()
        .split(breaks)
        .map(|line| {
            let line: String = line.chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
            let line: String =
                line.trim_end().chars().filter(|c| !c.is_control() && !turns_text(*c)).collect();
            balanced(&line)
        })
        .collect()
}

/// Letters, digits and `. - _` alone: what may stand in an id header.
pub fn token(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')).collect()
}

/// The isolate that takes its direction from its own first letter (UAX #9), and its end.
const ISOLATE: char = '\u{2068}';
const ISOLATE_END: char = '\u{2069}';

/// A place where a line may break, which shows as nothing and ends what mail programs take for an address.
const BREAK: char = '\u{200b}';

/// Marks, embeddings, overrides and the other isolates, which can show text in another order than it is written; and the
/// invisible byte order mark.
fn turns_text(c: char) -> bool {
    matches!(
        c,
        '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'
            | '\u{2067}'
            | '\u{206a}'..='\u{206f}'
            | '\u{feff}'
    )
}

/// Every isolate ends where its text does, and no end is without its isolate: nothing outside is touched.
fn balanced(text: &str) -> String {
    let mut open = 0_usize;
    let mut balanced = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ISOLATE => open += 1,
            ISOLATE_END if open == 0 => continue,
            ISOLATE_END => open -= 1,
            _ => {}
        }
        balanced.push(c);
    }
    balanced.extend(std::iter::repeat_n(ISOLATE_END, open));
    balanced
}

/// Letters of scripts that run from right to left.
fn is_right_to_left(c: char) -> bool {
    matches!(
        c,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}'
    )
}

/// Mail programs make links of `scheme:…`, `host.tld` and `name@host`, in HTML too: none of them is left in one piece.
fn unlinked(text: &str) -> String {
    let mut unlinked = String::with_capacity(text.len());
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        unlinked.push(c);
        let next = chars.peek().copied().unwrap_or(' ');
        let joins = match c {
            '.' | '。' | '．' | '｡' | '@' | '＠' => !before.is_whitespace() && next.is_alphanumeric(),
            ':' | '：' => before.is_alphabetic() && !next.is_whitespace() && next != BREAK,
            _ => false,
        };
        if joins {
            unlinked.push(BREAK);
        }
        before = c;
    }
    unlinked
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

    /// Proves NOT-16: nothing turns around what stands outside of it, and right-to-left text is kept together.
    #[test]
    fn nothing_turns_the_text_around_it() {
        assert_eq!(line("a\u{61c}b\u{200f}c\u{2067}d\u{2069}e\u{206e}"), "abcde");
        assert_eq!(line("a\u{2068}b"), "a\u{2068}b\u{2069}");
        assert_eq!(block("a\u{2068}b\nc\u{2069}d\u{61c}"), ["a\u{2068}b\u{2069}", "cd"]);
        assert_eq!(value("מבצע (50%)"), "\u{2068}מבצע (50%)\u{2069}");
        assert_eq!(value("Sale (50%)"), "Sale (50%)");
        let long = line(&value(&"א".repeat(1_000)));
        assert!(long.starts_with(ISOLATE) && long.ends_with(ISOLATE_END), "{long}");
    }

    /// Proves NOT-16: what mail programs make links of is not there in one piece.
    #[test]
    fn no_text_of_a_person_is_a_link() {
        for (typed, shown) in [
            ("see https://evil.example/x", "see https:|//evil.|example/x"),
            ("www.evil.example", "www.|evil.|example"),
            ("evil。example", "evil。|example"),
            ("mailto:eve@evil.example", "mailto:|eve@|evil.|example"),
            ("tel:+491234", "tel:|+491234"),
            ("At 10:30. Then we go: now!", "At 10:30. Then we go: now!"),
        ] {
            let shown = shown.replace('|', "\u{200b}");
            assert_eq!(value(typed), shown);
            assert_eq!(value(&shown), shown, "once is enough");
            assert_eq!(title(&shown), typed);
        }
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
