//! Text in one form (ACC-18).

use proptest::prelude::*;

use crate::text::{Read, composed, is_reserved, key, line, note};

fn taken(given: &str) -> String {
    let Read { text, problems } = line(given);
    assert_eq!(problems, Vec::<String>::new(), "{given:?}");
    text
}

fn problem(given: &str) -> String {
    let Read { mut problems, .. } = line(given);
    assert_eq!(problems.len(), 1, "{given:?}: {problems:?}");
    problems.remove(0)
}

/// Proves ACC-18.
#[test]
fn text_has_one_form() {
    assert_eq!(taken("Cafe\u{301}"), "Caf\u{E9}");
    assert_eq!(taken("\u{1112}\u{1161}\u{11AB}"), "\u{D55C}", "Hangul by its letters");
    assert_eq!(taken("A\u{327}\u{301} \u{212B}"), "\u{C1}\u{327} \u{C5}");
    for kept in
        ["", "plain", "Ärger", "\u{FB01}n", "العربية", "עברית", "日本語", "ไทย", "हिन्दी", "¥ 5 €", "a b"]
    {
        assert_eq!(taken(kept), kept, "what is already in it, compatible characters too");
    }
}

/// Proves ACC-18.
#[test]
fn text_holds_something_visible() {
    for nothing in
        [" ", "\u{A0}\u{3000}", "\u{2003}\u{205F}", "\u{2800}", "\u{2800} \u{2800}", "\u{301}", "\u{1D159}"]
    {
        assert_eq!(problem(nothing), "must hold something that can be seen", "{nothing:?}");
    }
    for something in [".", "-", "\u{2800}x", "\u{1F600}", "\u{E000}", "0", "\u{93E}"] {
        taken(something);
    }
}

/// Proves ACC-18: marks and overrides of direction, what has no width, fillers, tags, separators.
#[test]
fn text_holds_nothing_invisible() {
    let refused = [
        0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029,
        0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2060, 0x2061, 0x2064, 0x2066, 0x2067, 0x2068, 0x2069,
        0x206A, 0x206F, 0x3164, 0xFEFF, 0xFFA0, 0xFFF9, 0xFFFB, 0x1_BCA0, 0x1_D173, 0xE_0001, 0xE_0020,
        0xE_0041, 0xE_007F, 0xE_0FFF,
    ];
    for code in refused {
        let char = char::from_u32(code).unwrap();
        for given in [format!("{char}"), format!("a{char}b"), format!("\u{5D0}{char}")] {
            let place = given.chars().position(|other| other == char).unwrap();
            assert_eq!(
                problem(&given),
                format!("must not hold invisible characters: has U+{code:04X} at position {place}")
            );
            assert_eq!(note(&given).problems, line(&given).problems, "notes neither");
        }
    }
    assert_eq!(problem("a\0b"), "must not hold control characters");
    assert_eq!(problem("a\u{85}b"), "must not hold control characters");
    assert_eq!(problem("a\nb"), "must not hold control characters");
    assert_eq!(note("a\r\n\tb").problems, Vec::<String>::new());
    assert_eq!(
        note("a\u{b}b").problems,
        ["must not hold control characters other than line breaks and tabs"]
    );
    taken("\u{600}12 \u{6DD}7");
}

/// Proves ACC-18: joiners and variation selectors are part of some scripts and of emoji. Elsewhere nobody sees them.
#[test]
fn joiners_stay_where_they_show() {
    for kept in [
        "می\u{200C}خواهم", // Persian
        "क्\u{200D}ष",      // Devanagari, half form
        "ශ්\u{200D}රී",      // Sinhala
        "👩\u{200D}💻",
        "👩🏽\u{200D}🚀",
        "🏳\u{FE0F}\u{200D}🌈",
        "❤\u{FE0F}",
        "1\u{FE0F}\u{20E3}",
        "葛\u{E0100}",
        "ᠠ\u{180B}",
    ] {
        assert_eq!(taken(kept), kept);
    }
    for idle in [
        "A\u{200D}d\u{200C}a",
        "Ada\u{200C}",
        "\u{200D}Ada",
        "Ad\u{FE0F}a",
        "A\u{E0101}da",
        "Ada\u{180B}",
        "\u{FE0F}Ada",
    ] {
        assert_eq!(taken(idle), "Ada", "{idle:?}");
    }
    assert_eq!(taken("👩\u{200D}"), "👩");
    assert_eq!(taken("\u{200D}\u{200C}"), "", "as if nothing were given");
}

/// Proves ACC-18.
#[test]
fn what_looks_the_same_has_the_same_key() {
    for (name, same) in [
        ("Café", "CAFE\u{301}"),
        ("Café", "Ca\u{200B}f\u{AD}é"),
        ("Straße", "STRASSE"),
        ("ΣΊΣΥΦΟΣ", "Σίσυφος"),
        ("Review", "Ｒｅｖｉｅｗ"),
        ("file", "\u{FB01}le"),
        ("A B", "A\u{A0}\u{3000} B"),
        ("A B", " a b "),
        ("Ada", "A\u{200D}da"),
        ("\u{212A}", "k"),
    ] {
        assert_eq!(key(name), key(same), "{name:?} and {same:?}");
    }
    for (name, other) in [("Cafe", "Café"), ("A", "B"), ("Team 1", "Team 2"), ("AB", "A B")] {
        assert_ne!(key(name), key(other));
    }
}

/// Proves ACC-18.
#[test]
fn nobody_goes_by_the_name_of_no_person() {
    for name in [
        "platform",
        "Platform",
        "The  Platform",
        "ＣＯＵＮＴＥＲＳＩＧＮ",
        "Coun\u{200B}tersign",
        "Die Plattform",
    ] {
        assert!(is_reserved(name), "{name}");
    }
    for name in ["Ada", "Platform Team", "Platt Form", ""] {
        assert!(!is_reserved(name), "{name}");
    }
}

proptest! {
    /// Proves ACC-18: what was taken is taken again as it is.
    #[test]
    fn what_was_taken_is_its_own_form(given in "\\PC{0,20}|[a\u{300}-\u{30F}\u{200C}\u{200D}\u{FE0F}\u{1F469}\u{94D}\u{646}]{0,8}") {
        let Read { text, problems } = line(&given);
        prop_assert_eq!(composed(&text), text.as_str());
        if problems.is_empty() {
            prop_assert_eq!(line(&text), Read { text, problems });
        }
    }

    /// Proves ACC-18: a key is the key of itself, of the text's one form and of its upper case.
    #[test]
    fn a_key_is_stable(given in any::<String>()) {
        let same = key(&given);
        prop_assert_eq!(&key(&same), &same);
        prop_assert_eq!(&key(&composed(&given)), &same);
    }
}
