//! Reads the solver's model and writes it as people would.

use std::collections::HashMap;

use super::outcome::{Assignment, Counterexample};
use crate::sexp::{Node, Sexp, print_flat, read_deep};

/// The most assignments shown.
const MAX_ENTRIES: usize = 50;

/// The longest value shown, in characters.
const MAX_VALUE: usize = 300;

/// The most text shown in all, in bytes.
const MAX_TOTAL: usize = 4 * 1024;

/// A function of the model: its parameters and its body.
type Functions<'a> = HashMap<&'a str, (&'a [Sexp], &'a Sexp)>;

/// Reads what `(get-model)` printed; `None` when it is not what was expected. Only `symbols` are
/// shown, in their order.
pub(crate) fn read(text: &str, symbols: &[String]) -> Option<Counterexample> {
    let parsed = read_deep(text).ok()?;
    let [model] = parsed.as_slice() else {
        return None;
    };
    let mut functions = Functions::new();
    for entry in model.list()? {
        if let Some([head, name, parameters, _, body]) = entry.list()
            && head.is("define-fun")
        {
            functions.insert(name.symbol()?, (parameters.list()?, body));
        }
    }
    let known = symbols.iter().filter_map(|symbol| {
        let (parameters, body) = functions.get(symbol.as_str())?;
        Some((symbol, *parameters, *body))
    });
    let mut shown = Vec::new();
    let mut left = MAX_TOTAL;
    let mut omitted = 0_usize;
    for (name, parameters, body) in known {
        let name = cut(name);
        let value = cut(&function(parameters, body, &functions));
        match left.checked_sub(name.len() + value.len()) {
            Some(rest) if shown.len() < MAX_ENTRIES - 1 && omitted == 0 => {
                left = rest;
                shown.push(Assignment { name, value });
            }
            _ => omitted += 1,
        }
    }
    if omitted > 0 {
        shown.push(Assignment { name: "…".to_owned(), value: format!("{omitted} more") });
    }
    Some(Counterexample(shown))
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_VALUE).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// A constant's value, or a function as a table.
fn function(parameters: &[Sexp], body: &Sexp, functions: &Functions<'_>) -> String {
    if parameters.is_empty() {
        return value(body, functions);
    }
    let names: Vec<&str> =
        parameters.iter().filter_map(|parameter| parameter.list()?.first()?.symbol()).collect();
    let mut table = Table::default();
    let mut rest = body;
    loop {
        match rest.list() {
            Some([ite, condition, then, otherwise]) if ite.is("ite") => {
                let Some(key) = key(condition, &names, functions) else {
                    break;
                };
                table.add(key, value(then, functions));
                rest = otherwise;
            }
            _ if mentions(rest, &names) => break,
            _ => return table.close(&value(rest, functions)),
        }
    }
    // Not a table: the body as the solver wrote it.
    format!("({}) ↦ {}", names.join(", "), print_flat(body))
}

/// The arguments that a condition such as `(and (= x!0 1) (= x!1 2))` picks.
fn key(condition: &Sexp, names: &[&str], functions: &Functions<'_>) -> Option<String> {
    let items = condition.list()?;
    let equations = match items.split_first()? {
        (head, rest) if head.is("and") => rest,
        _ => std::slice::from_ref(condition),
    };
    let mut picked = vec![None; names.len()];
    for equation in equations {
        let [equals, left, right] = equation.list()? else {
            return None;
        };
        let position = |side: &Sexp| names.iter().position(|name| side.is(name));
        let (at, picks) = match (position(left), position(right)) {
            (Some(at), None) => (at, right),
            (None, Some(at)) => (at, left),
            _ => return None,
        };
        if !equals.is("=") || mentions(picks, names) {
            return None;
        }
        *picked.get_mut(at)? = Some(value(picks, functions));
    }
    let picked: Vec<String> =
        picked.into_iter().map(|value| value.unwrap_or_else(|| "_".to_owned())).collect();
    Some(tuple(&picked))
}

fn mentions(sexp: &Sexp, names: &[&str]) -> bool {
    match &sexp.node {
        Node::Atom(..) => names.iter().any(|name| sexp.is(name)),
        Node::List(items) => items.iter().any(|item| mentions(item, names)),
    }
}

/// A value: numbers in the usual notation, arrays as tables, everything else as it is written.
fn value(sexp: &Sexp, functions: &Functions<'_>) -> String {
    let Node::List(items) = &sexp.node else {
        let text = print_flat(sexp);
        let whole = text.strip_suffix(".0").filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
        return whole.map_or(text.clone(), str::to_owned);
    };
    match items.as_slice() {
        [minus, number] if minus.is("-") => {
            let number = value(number, functions);
            if is_number(&number) { format!("-{number}") } else { format!("(- {number})") }
        }
        [slash, over, under] if slash.is("/") => {
            let (over, under) = (value(over, functions), value(under, functions));
            let plain = is_number(over.strip_prefix('-').unwrap_or(&over)) && is_number(&under);
            if plain { format!("{over}/{under}") } else { format!("(/ {over} {under})") }
        }
        [qualifier, name, _] if qualifier.is("as") => value(name, functions),
        [lambda, parameters, body] if lambda.is("lambda") => {
            function(parameters.list().unwrap_or_default(), body, functions)
        }
        [underscore, array, name] if underscore.is("_") && array.is("as-array") => {
            match name.symbol().and_then(|name| functions.get(name)) {
                // Only one step: a model cannot be told to hold no cycle.
                Some((parameters, body)) => function(parameters, body, &Functions::new()),
                None => print_flat(sexp),
            }
        }
        [store, ..] if store.is("store") => stores(sexp, functions),
        [head, only] if is_constant_array(head) => Table::default().close(&value(only, functions)),
        _ => {
            let items: Vec<String> = items.iter().map(|item| value(item, functions)).collect();
            format!("({})", items.join(" "))
        }
    }
}

/// `(store (store base k v) k2 v2)` as a table, the outermost store first: it wins.
fn stores(sexp: &Sexp, functions: &Functions<'_>) -> String {
    let mut table = Table::default();
    let mut array = sexp;
    loop {
        match array.list() {
            Some([store, base, keys @ .., stored]) if store.is("store") && !keys.is_empty() => {
                let keys: Vec<String> = keys.iter().map(|key| value(key, functions)).collect();
                table.add(tuple(&keys), value(stored, functions));
                array = base;
            }
            Some([head, only]) if is_constant_array(head) => {
                return table.close(&value(only, functions));
            }
            _ => return table.close(&value(array, functions)),
        }
    }
}

/// `(as const (Array …))`
fn is_constant_array(head: &Sexp) -> bool {
    matches!(head.list(), Some([qualifier, name, _]) if qualifier.is("as") && name.is("const"))
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'/')
}

fn tuple(values: &[String]) -> String {
    match values {
        [one] => one.clone(),
        several => format!("({})", several.join(", ")),
    }
}

/// `{key: value, else: value}`, without keys that an earlier entry hides.
#[derive(Default)]
struct Table(Vec<(String, String)>);

impl Table {
    fn add(&mut self, key: String, value: String) {
        // Beyond this many nothing would be shown, and looking for hidden keys is quadratic.
        if self.0.len() < MAX_VALUE && self.0.iter().all(|(known, _)| *known != key) {
            self.0.push((key, value));
        }
    }

    fn close(self, otherwise: &str) -> String {
        let entries: String =
            self.0.into_iter().map(|(key, value)| format!("{key}: {value}, ")).collect();
        format!("{{{entries}else: {otherwise}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> String {
        let model = format!(
            "((define-fun x () S {value}) (define-fun k!0 ((x!0 Int)) Int (ite (= x!0 2) 7 0)))"
        );
        let model = read(&model, &["x".to_owned()]).unwrap();
        model.0[0].value.clone()
    }

    #[test]
    fn values_are_readable() {
        for (written, expected) in [
            ("5", "5"),
            ("(- 5)", "-5"),
            ("2.0", "2"),
            ("(/ 3.0 2.0)", "3/2"),
            ("(/ (- 3.0) 2.0)", "-3/2"),
            ("(- (/ 3.0 2.0))", "-3/2"),
            ("true", "true"),
            ("#x0f", "#x0f"),
            ("\"a\"\"b\"", "\"a\"\"b\""),
            ("(as nil (List Int))", "nil"),
            ("(order (- 3) |a b|)", "(order -3 |a b|)"),
            ("((as const (Array Int Int)) 0)", "{else: 0}"),
            (
                "(store (store (store ((as const (Array Int Int)) 0) 1 2) 3 (- 4)) 1 9)",
                "{1: 9, 3: -4, else: 0}",
            ),
            ("(_ as-array k!0)", "{2: 7, else: 0}"),
            ("(lambda ((i Int)) (ite (= i 1) true false))", "{1: true, else: false}"),
        ] {
            assert_eq!(shown(written), expected, "{written}");
        }
    }

    #[test]
    fn functions_are_tables() {
        let model = "(
          ;; universe for U:
          (declare-fun U!val!0 () U)
          (forall ((x U)) (= x U!val!0))
          (define-fun f ((x!0 Int) (x!1 Int)) Bool
            (ite (and (= x!0 1) (= x!1 (- 2))) true (ite (= x!1 3) true false)))
          (define-fun g ((x!0 Int)) Int (+ x!0 1))
          (define-fun hidden () Int 3))";
        let names = ["g", "f", "absent"].map(str::to_owned);
        let shown: Vec<_> = read(model, &names)
            .unwrap()
            .0
            .into_iter()
            .map(|a| format!("{}={}", a.name, a.value))
            .collect();
        assert_eq!(shown, ["g=(x!0) ↦ (+ x!0 1)", "f={(1, -2): true, (_, 3): true, else: false}"]);
    }

    #[test]
    fn size_is_bounded() {
        let names: Vec<String> = (0..200).map(|n| format!("c{n}")).collect();
        for value in ["1", &"9".repeat(3_000)] {
            let model: String =
                names.iter().map(|name| format!("(define-fun {name} () Int {value})")).collect();
            let shown = read(&format!("({model})"), &names).unwrap().0;
            let total: usize = shown.iter().map(|a| a.name.len() + a.value.len()).sum();
            assert!(shown.len() <= MAX_ENTRIES && total < MAX_TOTAL + 20, "{total}");
            let last = shown.last().unwrap();
            assert_eq!(last.value, format!("{} more", 200 - (shown.len() - 1)));
        }
    }

    #[test]
    fn nonsense_is_no_model() {
        for text in ["", "sat", "(", "() ()", "((define-fun x () Int 1)"] {
            assert_eq!(read(text, &[]), None, "{text}");
        }
    }
}
