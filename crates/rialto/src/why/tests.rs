use serde_json::json;

use super::*;

#[test]
fn what_clients_choose_does_nothing_to_a_terminal() {
    let name = "trades\u{1b}[2J\u{1b}]0;gone\u{7}\r\u{9b}1A";
    let connection = json!({ "id": "1", "subscriptions": 1, "listens_to": [name] });
    let goodbye = json!({ "id": "1", "explanation": name, "holder": { "name": name } });
    let all = json!({ "connections": [{ "id": "1", "holder": { "name": name } }] });
    for told in [connection_text(&connection), goodbye_text(&goodbye), table(&all)] {
        assert!(!told.chars().any(|it| it.is_control() && it != '\n'), "{told:?}");
        assert!(told.contains("trades\\u{1b}[2J"), "{told}");
    }
}
