//! The part of JQL and CQL that the sources use: conditions joined by `AND`, and an order.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The field, in lower case.
    pub field: String,
    /// `=`, `!=`, `>`, `>=`, `<`, `<=` or `in`.
    pub operator: String,
    /// The values: one, or those of a list.
    pub values: Vec<String>,
}

/// Conditions that all must hold.
///
/// # Errors
/// What cannot be read.
pub fn parse(query: &str) -> Result<Vec<Condition>, String> {
    let lower = query.to_ascii_lowercase();
    let end = lower.find("order by").unwrap_or(query.len());
    let mut rest = query[..end].trim();
    let mut conditions = Vec::new();
    while !rest.is_empty() {
        let (condition, behind) = condition(rest).ok_or_else(|| format!("cannot read {rest:?}"))?;
        conditions.push(condition);
        let behind = behind.trim_start();
        rest = match behind.get(..4) {
            Some(and) if and.eq_ignore_ascii_case("and ") => behind[4..].trim_start(),
            None if behind.is_empty() => "",
            _ => return Err(format!("expected AND at {behind:?}")),
        };
    }
    Ok(conditions)
}

fn condition(text: &str) -> Option<(Condition, &str)> {
    let end = text.find(|c: char| c.is_whitespace() || "=<>!".contains(c))?;
    let (field, rest) = (text[..end].to_ascii_lowercase(), text[end..].trim_start());
    let operator = ["!=", ">=", "<=", "=", ">", "<"].iter().find(|o| rest.starts_with(**o));
    if let Some(operator) = operator {
        let (value, rest) = value(rest[operator.len()..].trim_start())?;
        let operator = (*operator).to_owned();
        return Some((Condition { field, operator, values: vec![value] }, rest));
    }
    let mut rest = rest
        .get(..2)
        .filter(|word| word.eq_ignore_ascii_case("in"))
        .and_then(|_| rest[2..].trim_start().strip_prefix('('))?;
    let mut values = Vec::new();
    loop {
        let (found, behind) = value(rest.trim_start())?;
        values.push(found);
        let behind = behind.trim_start();
        if let Some(behind) = behind.strip_prefix(')') {
            return Some((Condition { field, operator: "in".to_owned(), values }, behind));
        }
        rest = behind.strip_prefix(',')?;
    }
}

fn value(text: &str) -> Option<(String, &str)> {
    if let Some(quote @ ('"' | '\'')) = text.chars().next() {
        let mut value = String::new();
        let mut characters = text.char_indices().skip(1);
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' => value.push(characters.next()?.1),
                c if c == quote => return Some((value, &text[at + 1..])),
                c => value.push(c),
            }
        }
        return None;
    }
    if let Some(end) = text.strip_prefix("now(").and_then(|rest| rest.find(')')) {
        let end = "now(".len() + end + 1;
        return Some((text[..end].to_owned(), &text[end..]));
    }
    let end = text.find(|c: char| c.is_whitespace() || ",)".contains(c)).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

impl Condition {
    /// Whether one of the texts fits an equality.
    pub fn names(&self, texts: &[&str]) -> bool {
        let found =
            self.values.iter().any(|value| texts.iter().any(|t| value.eq_ignore_ascii_case(t)));
        if self.operator == "!=" { !found } else { found }
    }

    /// Whether a time fits a comparison. Both products compare dates without seconds by the minute.
    ///
    /// # Errors
    /// When the value is no time.
    pub fn compares(&self, at: DateTime<Utc>) -> Result<bool, String> {
        let text = self.values.first().map(String::as_str).unwrap_or_default();
        let (bound, by_minute) = time(text).ok_or_else(|| format!("{text:?} is no time"))?;
        let at = if by_minute { at.timestamp() / 60 * 60 * 1_000 } else { at.timestamp_millis() };
        let bound = bound.timestamp_millis();
        Ok(match self.operator.as_str() {
            ">" => at > bound,
            ">=" => at >= bound,
            "<" => at < bound,
            "<=" => at <= bound,
            operator => return Err(format!("{operator} does not compare times")),
        })
    }
}

/// A time, and whether it is exact to the minute only.
fn time(text: &str) -> Option<(DateTime<Utc>, bool)> {
    if let Ok(milliseconds) = text.parse::<i64>() {
        return Some((DateTime::from_timestamp_millis(milliseconds)?, false));
    }
    // CQL's `now("-90m")` and JQL's `"-90m"`: so long ago, by the server's clock.
    let ago = text.strip_prefix("now(\"-").and_then(|rest| rest.strip_suffix("\")"));
    if let Some(ago) = ago.or_else(|| text.strip_prefix('-')) {
        let (number, unit) = ago.split_at_checked(ago.len().checked_sub(1)?)?;
        let seconds = match unit {
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 7 * 86_400,
            _ => return None,
        };
        let ago =
            chrono::TimeDelta::try_seconds(number.parse::<i64>().ok()?.checked_mul(seconds)?)?;
        return Some((Utc::now().checked_sub_signed(ago)?, false));
    }
    for format in ["%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some((time.and_utc(), true));
        }
    }
    let date =
        ["%Y-%m-%d", "%Y/%m/%d"].iter().find_map(|f| NaiveDate::parse_from_str(text, f).ok());
    Some((date?.and_hms_opt(0, 0, 0)?.and_utc(), true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        let found = parse(
            "project = \"PAY\" AND key in (PAY-1, 'PAY-2') and updated >= \"2026-11-25 04:30\" ORDER BY updated ASC",
        )
        .unwrap();
        assert_eq!(found.len(), 3);
        assert!(found[0].names(&["PAY"]) && !found[0].names(&["PAYROLL"]));
        assert!(found[1].names(&["PAY-2"]));
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert!(found[2].compares(at("2026-11-25T04:30:00Z")).unwrap());
        assert!(!found[2].compares(at("2026-11-25T04:29:59Z")).unwrap());
        let ago = parse("lastmodified >= now(\"-90m\") order by lastmodified desc").unwrap();
        assert!(ago[0].compares(Utc::now()).unwrap());
        assert!(!ago[0].compares(Utc::now() - chrono::TimeDelta::hours(2)).unwrap());
        assert_eq!(parse("").unwrap(), []);
        for bad in ["project", "project = ", "project = A OR b = c", "key in (A", "x = \"open"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
