//! The line can be read back, whatever names are in it.

use super::push;

#[test]
fn names_stand_as_they_are_and_separators_in_them_do_not() {
    let mut line = String::new();
    push(&mut line, "route", "resilient");
    push(&mut line, "target", "ft:gpt-4o/x;attempt=9, \"é\"\r\n");
    push(&mut line, "attempt", "2");
    assert_eq!(
        line,
        "route=resilient;target=ft:gpt-4o/x%3Battempt%3D9%2C%20%22%C3%A9%22%0D%0A;attempt=2"
    );
    assert!(http::HeaderValue::from_str(&line).is_ok());
}
