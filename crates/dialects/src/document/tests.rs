use super::*;

#[test]
fn members_stay_in_their_order_and_texts_are_escaped() {
    let value = Value::object([
        ("z", Value::List(vec![Value::integer(-1), Value::boolean(true)])),
        ("a", Value::text("say \"no\"")),
        ("none", Value::object::<&str>([])),
    ]);
    let text =
        "{\n  \"z\": [\n    -1,\n    true\n  ],\n  \"a\": \"say \\\"no\\\"\",\n  \"none\": {}\n}\n";
    assert_eq!(value.document(), text);
}

#[test]
fn an_object_has_its_members_and_no_others_unless_it_is_open() {
    let closed = object([must("a", text(), "The first."), may("b", reference("B"), "Another.")]);
    let json = |schema: &Schema| -> serde_json::Value {
        serde_json::from_str(&schema.value().document()).expect("JSON")
    };
    let mut expected = serde_json::json!({
        "type": "object",
        "properties": {
            "a": {"type": "string", "description": "The first."},
            "b": {"allOf": [{"$ref": "#/components/schemas/B"}], "description": "Another."},
        },
        "required": ["a"],
        "additionalProperties": false,
    });
    assert_eq!(json(&closed), expected);
    expected["additionalProperties"] = true.into();
    assert_eq!(json(&closed.open()), expected);
}
