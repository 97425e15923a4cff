//! A push event, read leniently: a field of an unexpected kind is as good as absent, and only the
//! few fields that help are read at all. Nothing in it is trusted: it is a hint to look.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::address;
#[cfg(test)]
use super::address::Address;

/// Characters of a text that are kept.
const MAX_TEXT: usize = 200;

/// What a push says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Push {
    #[serde(rename = "ref")]
    reference: Loose,
    before: Loose,
    after: Loose,
    deleted: Loose,
    forced: Loose,
    commits: Loose,
    pusher: Loose,
    repository: Loose,
}

impl Push {
    /// Reads the event.
    ///
    /// # Errors
    /// Says what is wrong, without quoting the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let push: Self = serde_json::from_str(text).map_err(|error| {
            format!(
                "the body is not the JSON of a push (line {}, column {})",
                error.line(),
                error.column()
            )
        })?;
        match push.repository {
            Loose::Object(_) => Ok(push),
            _ => Err("the push names no repository".to_owned()),
        }
    }

    /// Whether a tag was pushed: no branch moved.
    pub fn is_tag(&self) -> bool {
        self.reference.text().is_some_and(|reference| reference.starts_with("refs/tags/"))
    }

    /// The names of the repository that it is about: see [`address::names`].
    pub fn spaces(&self) -> Vec<String> {
        let Loose::Object(repository) = &self.repository else { return Vec::new() };
        let urls =
            [&repository.clone_url, &repository.ssh_url, &repository.html_url, &repository.git_url];
        let mut names: Vec<String> =
            urls.into_iter().flatten().map(|url| address::parse(url).to_string()).collect();
        names.extend(repository.full_name.as_deref().map(address::of_full_name));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether it is about the repository at this address.
    #[cfg(test)]
    pub fn is_about(&self, address: &Address) -> bool {
        let Loose::Object(repository) = &self.repository else { return false };
        let urls =
            [&repository.clone_url, &repository.ssh_url, &repository.html_url, &repository.git_url];
        urls.into_iter().flatten().any(|url| address::parse(url) == *address)
            || repository.full_name.as_ref().is_some_and(|name| address.has_full_name(name))
    }

    /// What people are shown of it in the inbox.
    pub fn hint(&self) -> serde_json::Value {
        let text = |loose: &Loose| loose.text().map(cut);
        let pusher = match &self.pusher {
            Loose::Object(pusher) => pusher.name.as_deref().map(cut),
            _ => None,
        };
        json!({
            "event": "push",
            "ref": text(&self.reference),
            "before": text(&self.before),
            "after": text(&self.after),
            "deleted": matches!(self.deleted, Loose::Flag(true)),
            "forced": matches!(self.forced, Loose::Flag(true)),
            "commits": match self.commits { Loose::List(length) => Some(length), _ => None },
            "pusher": pusher,
        })
    }
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

/// A value of any kind, of which only what helps is kept.
#[derive(Debug, Default)]
enum Loose {
    #[default]
    Other,
    Text(String),
    Flag(bool),
    /// The length alone.
    List(usize),
    Object(Box<Fields>),
}

impl Loose {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The fields that help of an object.
#[derive(Debug, Default)]
struct Fields {
    clone_url: Option<String>,
    ssh_url: Option<String>,
    html_url: Option<String>,
    git_url: Option<String>,
    full_name: Option<String>,
    name: Option<String>,
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Loose, E> {
        Ok(Loose::Flag(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_str<E>(self, value: &str) -> Result<Loose, E> {
        Ok(Loose::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Loose, A::Error> {
        let mut length = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            length += 1;
        }
        Ok(Loose::List(length))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        let mut fields = Box::<Fields>::default();
        while let Some(name) = map.next_key::<String>()? {
            let place = match name.as_str() {
                "clone_url" => &mut fields.clone_url,
                "ssh_url" => &mut fields.ssh_url,
                "html_url" => &mut fields.html_url,
                "git_url" => &mut fields.git_url,
                "full_name" => &mut fields.full_name,
                "name" => &mut fields.name,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if let Loose::Text(text) = map.next_value()? {
                *place = Some(text);
            }
        }
        Ok(Loose::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real() -> serde_json::Value {
        json!({
            "ref": "refs/heads/main",
            "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
            "after": "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c",
            "created": false, "deleted": false, "forced": true, "base_ref": null,
            "commits": [{ "id": "a", "modified": ["specs/a.md"] }, { "id": "b" }],
            "head_commit": { "id": "b", "author": { "name": "Ada" } },
            "pusher": { "name": "ada", "email": "ada@example.com" },
            "repository": {
                "id": 186853002, "full_name": "Codertocat/Hello-World", "private": false,
                "html_url": "https://github.com/Codertocat/Hello-World",
                "git_url": "git://github.com/Codertocat/Hello-World.git",
                "ssh_url": "git@github.com:Codertocat/Hello-World.git",
                "clone_url": "https://github.com/Codertocat/Hello-World.git",
                "stargazers": 0, "topics": ["x"], "owner": { "name": "Codertocat" }
            }
        })
    }

    #[test]
    fn a_real_push_is_understood_and_little_of_it_is_kept() {
        let push = Push::parse(&real().to_string()).unwrap();
        assert!(push.is_about(&address::parse("git@github.com:codertocat/hello-world")));
        assert!(!push.is_about(&address::parse("https://github.com/codertocat/other")));
        let hint = push.hint();
        assert_eq!(hint["ref"], "refs/heads/main");
        assert_eq!(
            (&hint["forced"], &hint["deleted"], &hint["commits"]),
            (&json!(true), &json!(false), &json!(2))
        );
        assert_eq!(hint["pusher"], "ada");
        assert!(!hint.to_string().contains("example.com"), "no addresses of people: {hint}");
    }

    #[test]
    fn the_full_name_matches_whichever_host_it_is_on() {
        let text = json!({ "repository": { "full_name": "acme/shop" } }).to_string();
        let push = Push::parse(&text).unwrap();
        assert!(push.is_about(&address::parse("https://git.example.com/Acme/shop.git")));
        assert!(!push.is_about(&address::parse("https://git.example.com/acme/shop/more")));
    }

    #[test]
    fn fields_of_any_kind_are_borne() {
        let kinds = [
            json!(null),
            json!(1),
            json!(-1.5),
            json!("x"),
            json!([1, [2]]),
            json!({ "a": {} }),
            json!(true),
        ];
        for kind in kinds {
            for field in ["ref", "before", "after", "deleted", "forced", "commits", "pusher"] {
                let mut push = real();
                push[field] = kind.clone();
                let push = Push::parse(&push.to_string()).unwrap();
                assert!(
                    push.is_about(&address::parse("https://github.com/Codertocat/Hello-World"))
                );
                push.hint();
            }
            for field in ["clone_url", "full_name", "name"] {
                let mut push = real();
                push["repository"][field] = kind.clone();
                Push::parse(&push.to_string()).unwrap();
            }
        }
    }

    #[test]
    fn what_is_no_push_is_an_error_that_quotes_nothing() {
        let truncated = &real().to_string()[..200];
        for text in ["", "swordfish", "[]", "1", "null", "{}", r#"{"repository":1}"#, truncated] {
            let error = Push::parse(text).unwrap_err();
            assert!(!error.contains("swordfish"), "{error}");
        }
    }

    #[test]
    fn hints_are_small_whatever_was_sent() {
        let mut push = real();
        push["ref"] = json!("x\u{0}\n".repeat(100_000));
        push["pusher"]["name"] = json!("y".repeat(100_000));
        let hint = Push::parse(&push.to_string()).unwrap().hint();
        assert!(hint.to_string().len() < 1_000);
    }

    #[test]
    fn a_tag_is_no_branch() {
        for (reference, tag) in
            [("refs/tags/v1", true), ("refs/heads/refs/tags/v1", false), ("main", false)]
        {
            let mut push = real();
            push["ref"] = json!(reference);
            assert_eq!(Push::parse(&push.to_string()).unwrap().is_tag(), tag);
        }
    }
}
