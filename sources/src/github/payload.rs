//! The body of a delivery as text: JSON, or GitHub's form encoding of it.

use std::borrow::Cow;

use crate::json_depth::depth;

/// How deep a payload may be nested; GitHub's are not deeper than ten.
const MAX_DEPTH: u32 = 64;

/// Whether a body is a form: its JSON is a copy then.
pub fn is_form(content_type: Option<&str>) -> bool {
    media(content_type).eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn media(content_type: Option<&str>) -> &str {
    content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

/// The JSON text of a body: the body itself, or the field of a form.
///
/// # Errors
/// Says what is wrong, in words for the connection's owner.
pub fn json<'a>(content_type: Option<&str>, body: &'a [u8]) -> Result<Cow<'a, str>, &'static str> {
    const NOT_UTF8: &str = "the body is not UTF-8";
    let text = if media(content_type).eq_ignore_ascii_case("application/json") {
        Cow::Borrowed(std::str::from_utf8(body).map_err(|_| NOT_UTF8)?)
    } else if is_form(content_type) {
        let payload = form_payload(body).ok_or("the form has no field named payload")?;
        Cow::Owned(String::from_utf8(payload).map_err(|_| NOT_UTF8)?)
    } else {
        return Err(
            "the content type is neither application/json nor application/x-www-form-urlencoded",
        );
    };
    if depth(&text) > MAX_DEPTH {
        return Err("the JSON is nested too deeply");
    }
    Ok(text)
}

/// The field `payload` of a form.
fn form_payload(body: &[u8]) -> Option<Vec<u8>> {
    let field =
        body.split(|byte| *byte == b'&').find_map(|field| field.strip_prefix(b"payload="))?;
    let mut decoded = Vec::with_capacity(field.len());
    let mut bytes = field.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                decoded.push(u8::try_from(high * 16 + low).ok()?);
            }
            other => decoded.push(other),
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_give_the_same() {
        let plain =
            json(Some("application/json; charset=utf-8"), r#"{"a b":"+ä"}"#.as_bytes()).unwrap();
        let form = b"x=1&payload=%7B%22a+b%22%3A%22%2B%C3%A4%22%7D";
        assert_eq!(json(Some("application/x-www-form-urlencoded"), form).unwrap(), plain);
    }

    #[test]
    fn hostile_bodies_are_named() {
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for (content_type, body, wrong) in [
            (None, b"{}".as_slice(), "content type"),
            (Some("text/plain"), b"{}", "content type"),
            (Some("application/json"), b"\xff\xfe{}", "UTF-8"),
            (Some("application/json"), deep.as_bytes(), "deeply"),
            (Some("application/x-www-form-urlencoded"), b"other=1", "payload"),
            (Some("application/x-www-form-urlencoded"), b"payload=%7", "payload"),
            (Some("application/x-www-form-urlencoded"), b"payload=%zz", "payload"),
            (Some("application/x-www-form-urlencoded"), b"payload=%ff", "UTF-8"),
        ] {
            let error = json(content_type, body).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }
}
