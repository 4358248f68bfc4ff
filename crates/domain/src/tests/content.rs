//! Canonical JSON, digests and limits. Expected texts and digests were computed with another implementation (ECMAScript's
//! number formatting and UTF-16 key order, and a separate SHA-256), not with the code under test.

use serde_json::{Value, json};

use crate::content::{Content, ContentError};

fn canonical(text: &str) -> Content {
    Content::new(&serde_json::from_str(text).unwrap(), 1).unwrap()
}

fn canonical_number(text: &str) -> String {
    canonical(&format!(r#"{{"n":{text}}}"#)).body[5..].trim_end_matches('}').to_owned()
}

fn refused(value: &Value) -> ContentError {
    Content::new(value, 1).unwrap_err()
}

/// Proves REQ-3.
#[test]
fn numbers_are_written_as_rfc_8785_says() {
    for (given, expected) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1.0", "1"),
        ("-1", "-1"),
        ("4.50", "4.5"),
        ("1e2", "100"),
        ("1e15", "1000000000000000"),
        ("2e-3", "0.002"),
        ("1e-6", "0.000001"),
        ("1e-7", "1e-7"),
        ("1.5E-7", "1.5e-7"),
        ("0.000000000000000000000000001", "1e-27"),
        ("333333333.33333329", "333333333.3333333"),
        ("123456789.125", "123456789.125"),
        ("4503599627370495.5", "4503599627370495.5"),
        ("5e-324", "5e-324"),
        ("2.2250738585072014e-308", "2.2250738585072014e-308"),
        ("9007199254740991", "9007199254740991"),
        ("-9007199254740991", "-9007199254740991"),
    ] {
        assert_eq!(canonical_number(given), expected, "{given}");
    }
}

/// The emoji is beyond U+FFFF, yet its first UTF-16 unit sorts before U+FB33; by UTF-8 it would come last.
///
/// Proves REQ-3.
#[test]
fn keys_are_sorted_by_utf_16_units() {
    let given =
        r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7,"":8,"a":9,"A":10}"#;
    let expected =
        "{\"\":8,\"\\r\":2,\"1\":4,\"A\":10,\"a\":9,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}";
    assert_eq!(canonical(given).body, expected);
}

/// Proves REQ-3.
#[test]
fn strings_are_escaped_only_where_they_must_be() {
    let given = r#"{"s":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/ \b\t\f\r\u0000\u001f\u007f\u2028é"}"#;
    let expected = "{\"s\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/ \\b\\t\\f\\r\\u0000\\u001f\u{7f}\u{2028}é\"}";
    assert_eq!(canonical(given).body, expected);
}

/// Letters that look alike stay apart: RFC 8785 does not normalise Unicode.
#[test]
fn unicode_is_left_as_it_is() {
    assert_ne!(canonical(r#"{"s":"\u00e9"}"#).digest, canonical(r#"{"s":"e\u0301"}"#).digest);
}

#[test]
fn literals_arrays_and_nesting_keep_their_order() {
    let given = r#" { "literals" : [ null, true, false ] , "empty" : [ {}, [] ] } "#;
    assert_eq!(canonical(given).body, r#"{"empty":[{},[]],"literals":[null,true,false]}"#);
}

/// Proves REQ-3, REQ-16.
#[test]
fn digests_are_those_that_anybody_else_computes() {
    for (given, digest) in [
        ("{}", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
        (
            r#"{"b":[1,2,{"z":null,"a":true}],"a":"x"}"#,
            "dcfe2a3d2102de1d1e5f2a65d1feaf2f69b60bea4c08409297eb9df544f8bb5b",
        ),
        (
            r#"{"weight":1e-1,"title":"Gr\u00fc\u00dfe"}"#,
            "ff1729737b764304d3d4f98a317bae7aaa7987ca22a97d5c73e4dec18a3f0d3d",
        ),
        (
            r#"{"numbers":[333333333.33333329,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#,
            "670b2058ab2793b25083f61d252e6e830859c658656569de160897232b6b69cc",
        ),
    ] {
        assert_eq!(canonical(given).digest.as_str(), format!("sha256:{digest}"), "{given}");
    }
}

/// Proves REQ-16.
#[test]
fn the_digest_is_of_the_meaning_not_of_the_writing() {
    let one = canonical(r#"{"a":1,"b":"\u0041"}"#);
    let same = canonical(" {\"b\" : \"A\",\n \"a\" : 1.0e0} ");
    assert_eq!((&one.digest, &one.body), (&same.digest, &same.body));
    assert_ne!(one.digest, canonical(r#"{"a":"1","b":"A"}"#).digest);
}

#[test]
fn only_an_object_is_content() {
    for value in [json!(null), json!(true), json!(1), json!("text"), json!([{}])] {
        assert_eq!(refused(&value), ContentError::NotAnObject);
    }
}

/// A canonical text of `size` bytes: `{"a":"…"}`.
fn of_size(size: usize) -> Value {
    json!({ "a": "x".repeat(size - 8) })
}

#[test]
fn content_has_at_most_256_kib_as_canonical_json() {
    let limit = 256 * 1024;
    assert_eq!(Content::new(&of_size(limit), 1).unwrap().body.len(), limit);
    assert_eq!(refused(&of_size(limit + 1)), ContentError::TooLarge { size: limit + 1 });
    assert_eq!(
        refused(&of_size(limit + 1)).to_string(),
        "must be at most 262144 bytes as canonical JSON, is 262145"
    );
}

/// An umlaut is two bytes, a control character six.
#[test]
fn the_limit_is_in_bytes_as_written() {
    let half = (256 * 1024 - 8) / 2;
    assert!(Content::new(&json!({ "a": "ü".repeat(half) }), 1).is_ok());
    assert!(Content::new(&json!({ "a": "ü".repeat(half + 1) }), 1).is_err());
    assert!(Content::new(&json!({ "a": "\u{1}".repeat(half) }), 1).is_err());
}

/// Proves SEC-11: 2^53 − 1 is the last integer that is told from its neighbours; 2^53 may have been 2^53 + 1.
#[test]
fn integers_up_to_where_neighbours_become_the_same_double() {
    for n in [9_007_199_254_740_991_i64, -9_007_199_254_740_991] {
        assert_eq!(Content::new(&json!({ "n": n }), 1).unwrap().body, format!("{{\"n\":{n}}}"));
        let beyond = n + n.signum();
        // As doubles the two are one.
        let [read, neighbour]: [f64; 2] =
            [beyond, beyond + n.signum()].map(|n| n.to_string().parse().unwrap());
        assert_eq!(read.to_bits(), neighbour.to_bits(), "{beyond} is what its neighbour becomes");
        assert_eq!(
            refused(&json!({ "n": beyond })).to_string(),
            "holds a number at /n beyond ±(2^53 − 1), where different integers are the same double: write it as a string"
        );
    }
}

#[test]
fn a_number_beyond_what_a_double_tells_apart_is_refused() {
    for text in [
        "9007199254740992",
        "-9007199254740992",
        "9007199254740993",
        "9007199254740992.5",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "1e16",
        "1e300",
    ] {
        let value: Value = serde_json::from_str(&format!(r#"{{"n":{text}}}"#)).unwrap();
        assert_eq!(refused(&value), ContentError::Number { at: "/n".into() }, "{text}");
    }
}

/// JSON has no way to write them, and a [`Value`] none to hold them: whoever makes one from a double must look first.
#[test]
fn nan_and_infinity_can_t_appear() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(serde_json::Number::from_f64(number), None);
    }
    for text in ["NaN", "Infinity", "-Infinity", "1e400"] {
        assert!(serde_json::from_str::<Value>(&format!(r#"{{"n":{text}}}"#)).is_err(), "{text}");
    }
}

#[test]
fn the_offending_place_is_named_by_a_json_pointer() {
    let big = 9_007_199_254_740_993_u64;
    for (value, at) in [
        (json!({ "a": [0, { "b": big }] }), "/a/1/b"),
        (json!({ "m~n": { "x/y": [big] } }), "/m~0n/x~1y/0"),
        (json!({ "~1": big }), "/~01"),
        (json!({ "": { "": big } }), "//"),
        (json!({ "fine": 1, "sub": { "fine": [1, 2] }, "wrong": big }), "/wrong"),
    ] {
        assert_eq!(refused(&value), ContentError::Number { at: at.into() });
        assert_eq!(value.pointer(at), Some(&json!(big)), "{at}");
    }
}

/// What is stored must be readable: common clients read protobuf only so deep.
#[test]
fn content_is_nested_up_to_its_limit() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
    assert_eq!(
        Content::new(&nested(20), 1).unwrap().body,
        format!("{}1{}", "{\"a\":".repeat(20), "}".repeat(20))
    );
    assert_eq!(Content::new(&nested(21), 1), Err(ContentError::TooDeep { at: "/a".repeat(20) }));
    let lists = (0..20).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(
        Content::new(&json!({ "a": lists }), 1),
        Err(ContentError::TooDeep { at: format!("/a{}", "/0".repeat(19)) })
    );
}
