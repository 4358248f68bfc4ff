//! Content between `google.protobuf.Struct` and JSON.

use countersign_domain::content::ContentError;
use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::{Map, Number, Value as Json};

/// The JSON object that `content` is. A number that JSON can't write (NaN, infinity) is refused.
pub fn json(content: Struct) -> Result<Json, ContentError> {
    object(content, &mut String::new())
}

fn object(content: Struct, at: &mut String) -> Result<Json, ContentError> {
    let mut map = Map::new();
    for (key, value) in content.fields {
        let length = at.len();
        at.push('/');
        at.push_str(&key.replace('~', "~0").replace('/', "~1"));
        map.insert(key, plain(value, at)?);
        at.truncate(length);
    }
    Ok(Json::Object(map))
}

fn plain(value: Value, at: &mut String) -> Result<Json, ContentError> {
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(bool)) => Json::Bool(bool),
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::NumberValue(number)) => match Number::from_f64(number) {
            Some(number) => Json::Number(number),
            None => return Err(ContentError::NotANumber { at: at.clone() }),
        },
        Some(Kind::StructValue(inner)) => object(inner, at)?,
        Some(Kind::ListValue(list)) => {
            let mut items = Vec::with_capacity(list.values.len());
            for (index, value) in list.values.into_iter().enumerate() {
                let length = at.len();
                at.push('/');
                at.push_str(&index.to_string());
                items.push(plain(value, at)?);
                at.truncate(length);
            }
            Json::Array(items)
        }
    })
}

/// A canonical JSON object as the contract writes it; none if the text is no JSON object, which the store does not allow.
pub fn to_struct(canonical: &str) -> Option<Struct> {
    match serde_json::from_str(canonical).ok()? {
        Json::Object(map) => Some(structure(map)),
        _ => None,
    }
}

/// A JSON array as the contract writes it; empty for anything else.
pub fn to_list(json: &Json) -> ListValue {
    let items = json.as_array().cloned().unwrap_or_default();
    ListValue { values: items.into_iter().map(wrap).collect() }
}

fn structure(map: Map<String, Json>) -> Struct {
    Struct { fields: map.into_iter().map(|(key, value)| (key, wrap(value))).collect() }
}

fn wrap(json: Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(bool) => Kind::BoolValue(bool),
        // Content holds only numbers that are doubles, so this is exact.
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(items) => Kind::ListValue(ListValue { values: items.into_iter().map(wrap).collect() }),
        Json::Object(map) => Kind::StructValue(structure(map)),
    };
    Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_survives_the_round_trip() {
        let text = r#"{"a":[1,2.5,null,{"b":true}],"c":"d"}"#;
        let structure = to_struct(text).unwrap();
        let canonical = countersign_domain::Content::new(&json(structure).unwrap(), 1).unwrap();
        assert_eq!(canonical.body, text);
    }

    #[test]
    fn a_number_that_json_cannot_write_is_named_by_its_place() {
        let mut structure = to_struct(r#"{"a":[0,{"b/c":0}]}"#).unwrap();
        let Some(Kind::ListValue(list)) = &mut structure.fields.get_mut("a").unwrap().kind else {
            panic!("a is a list")
        };
        let Some(Kind::StructValue(inner)) = &mut list.values[1].kind else { panic!("it holds an object") };
        inner.fields.get_mut("b/c").unwrap().kind = Some(Kind::NumberValue(f64::NAN));
        assert_eq!(json(structure), Err(ContentError::NotANumber { at: "/a/1/b~1c".into() }));
    }
}
