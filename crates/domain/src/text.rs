//! Text that people see or that is compared (ACC-18): in one form, with nothing in it that can't be seen.
//!
//! [`line()`] and [`note`] are for what comes in, [`composed`] is the one form of what is there already, and [`key`] is what two
//! names that must not be taken for each other have in common.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed as Normalizer;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        CanonicalCombiningClass, DefaultIgnorableCodePoint, EmojiModifier, ExtendedPictographic,
        GeneralCategory, JoiningType, PrependedConcatenationMark, Script,
    },
};

/// Characters that are drawn as nothing although they are symbols: the blank Braille pattern, the null notehead.
const BLANK_SYMBOLS: [char; 2] = ['\u{2800}', '\u{1D159}'];
/// ZERO WIDTH NON-JOINER.
const NON_JOINER: char = '\u{200C}';
/// ZERO WIDTH JOINER.
const JOINER: char = '\u{200D}';

/// Text in its one form, with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The text as it is kept, compared and shown.
    pub text: String,
    /// What is wrong with it, a sentence each that follows on the field's name.
    pub problems: Vec<String>,
}

/// One line: a name, a title, an id of another system.
pub fn line(given: &str) -> Read {
    read(given, char::is_control, "must not hold control characters")
}

/// Several lines.
pub fn note(given: &str) -> Read {
    let refused = |char: char| char.is_control() && !matches!(char, '\n' | '\r' | '\t');
    read(given, refused, "must not hold control characters other than line breaks and tabs")
}

fn read(given: &str, is_refused: impl Fn(char) -> bool, of_controls: &str) -> Read {
    let text = composed(&without_idle(given)).into_owned();
    let mut problems = Vec::new();
    if text.chars().any(is_refused) {
        problems.push(of_controls.to_owned());
    }
    let chars: Vec<char> = if text.is_ascii() { Vec::new() } else { text.chars().collect() };
    if let Some(place) =
        (0..chars.len()).find(|place| is_invisible(chars[*place]) && !is_at_work(&chars, *place))
    {
        let code = u32::from(chars[place]);
        problems.push(format!("must not hold invisible characters: has U+{code:04X} at position {place}"));
    }
    if problems.is_empty() && !text.is_empty() && !text.chars().any(is_seen) {
        problems.push("must hold something that can be seen".to_owned());
    }
    Read { text, problems }
}

/// The one form of text: NFC. What looks the same because it is composed differently is then the same.
pub fn composed(text: &str) -> Cow<'_, str> {
    // Most text is ASCII, which is its own normal form.
    if text.is_ascii() { Cow::Borrowed(text) } else { Normalizer::new_nfc().normalize(text) }
}

/// The same of text that is owned.
pub fn into_composed(text: String) -> String {
    if text.is_ascii() || Normalizer::new_nfc().is_normalized(&text) {
        return text;
    }
    composed(&text).into_owned()
}

/// What is the same for two names that can't be told apart: without case, without what can't be seen, in the compatible form (NFKC),
/// with one blank for any number.
pub fn key(name: &str) -> String {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_ascii() {
        return words(&name.to_ascii_lowercase());
    }
    let mut key = name.to_owned();
    // Each step can make work for the others; what two rounds leave is as they would leave it again.
    for _ in 0..2 {
        let compatible = Normalizer::new_nfkc().normalize(&key);
        let folded = CaseMapper::new().fold_string(&compatible);
        key = folded.chars().filter(|char| !is_invisible(*char)).collect();
    }
    words(&Normalizer::new_nfkc().normalize(&key))
}

/// Names under which Countersign and the platform's operator appear themselves, in every language of the mails. A member with
/// such a name would be taken for them.
pub fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 6] =
        ["countersign", "platform", "the platform", "die plattform", "la plataforma", "la plateforme"];
    RESERVED.contains(&key(name).as_str())
}

/// Without joiners and variation selectors that change nothing here: keyboards leave them, nobody sees them, and with them two
/// names that look the same would differ.
fn without_idle(text: &str) -> Cow<'_, str> {
    let has_some = |char: char| is_joiner(char) || is_selector(char);
    if text.is_ascii() || !text.contains(has_some) {
        return Cow::Borrowed(text);
    }
    let chars: Vec<char> = text.chars().collect();
    let kept = (0..chars.len()).filter(|place| !has_some(chars[*place]) || is_at_work(&chars, *place));
    Cow::Owned(kept.map(|place| chars[place]).collect())
}

const fn is_joiner(char: char) -> bool {
    matches!(char, NON_JOINER | JOINER)
}

/// A variation selector: of emoji and ideographs, and of Mongolian letters.
const fn is_selector(char: char) -> bool {
    matches!(char, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' | '\u{180B}'..='\u{180D}' | '\u{180F}')
}

/// Whether the joiner or selector at `place` changes what is seen. Joiners do after a virama and between letters that join, as in
/// Persian and in the scripts of India (RFC 5892, appendix A, where domain names allow them), and between emoji.
fn is_at_work(chars: &[char], place: usize) -> bool {
    let char = chars[place];
    let Some(before) = place.checked_sub(1).map(|place| chars[place]) else { return false };
    match char {
        NON_JOINER | JOINER if is_virama(before) => true,
        NON_JOINER => joins_on(chars, place) && joins_back(chars, place),
        JOINER => {
            let base = chars[..place].iter().rev().find(|char| !is_selector(**char) && !is_skin(**char));
            base.is_some_and(|base| is_pictograph(*base))
                && chars.get(place + 1).is_some_and(|after| is_pictograph(*after))
        }
        '\u{FE0E}' | '\u{FE0F}' => is_pictograph(before) || matches!(before, '0'..='9' | '#' | '*'),
        '\u{FE00}'..='\u{FE0D}' | '\u{E0100}'..='\u{E01EF}' => script(before) == Script::Han,
        _ if is_selector(char) => script(before) == Script::Mongolian,
        _ => false,
    }
}

/// Whether what stands before `place` would join what follows.
fn joins_on(chars: &[char], place: usize) -> bool {
    let before = chars[..place].iter().rev().map(|char| joining(*char));
    matches!(
        before.into_iter().find(|joining| *joining != JoiningType::Transparent),
        Some(JoiningType::LeftJoining | JoiningType::DualJoining)
    )
}

/// Whether what stands after `place` would join what came before.
fn joins_back(chars: &[char], place: usize) -> bool {
    let after = chars[place + 1..].iter().map(|char| joining(*char));
    matches!(
        after.into_iter().find(|joining| *joining != JoiningType::Transparent),
        Some(JoiningType::RightJoining | JoiningType::DualJoining)
    )
}

fn joining(char: char) -> JoiningType {
    CodePointMapData::<JoiningType>::new().get(char)
}

fn script(char: char) -> Script {
    CodePointMapData::<Script>::new().get(char)
}

fn is_virama(char: char) -> bool {
    CodePointMapData::<CanonicalCombiningClass>::new().get(char) == CanonicalCombiningClass::Virama
}

fn is_pictograph(char: char) -> bool {
    CodePointSetData::new::<ExtendedPictographic>().contains(char)
}

fn is_skin(char: char) -> bool {
    CodePointSetData::new::<EmojiModifier>().contains(char)
}

/// What is drawn as nothing and no blank: default-ignorable characters, controls of direction and format, separators of lines.
fn is_invisible(char: char) -> bool {
    if char.is_ascii() {
        return false;
    }
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char)
        || match CodePointMapData::<GeneralCategory>::new().get(char) {
            GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator => true,
            // Arabic signs that stand around numbers are of this category, and are seen.
            GeneralCategory::Format => !CodePointSetData::new::<PrependedConcatenationMark>().contains(char),
            _ => false,
        }
}

/// Whether the character shows by itself: a letter, a digit, a sign, a symbol.
fn is_seen(char: char) -> bool {
    use GeneralCategory as Category;
    let is_blank = matches!(
        CodePointMapData::<GeneralCategory>::new().get(char),
        Category::SpaceSeparator
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::Control
            | Category::Surrogate
            | Category::Unassigned
            | Category::NonspacingMark
            | Category::EnclosingMark
    );
    !is_blank && !is_invisible(char) && !BLANK_SYMBOLS.contains(&char)
}
