//! Whole documents, and what must hold for any text.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::fmt::Write as _;

use proptest::prelude::*;
use sbh_domain::{Form, canonical::canonical_text};
use sbh_prover::{Invariant, Kind, parse};

#[test]
fn kinds_are_told_by_the_extension() {
    for (path, kind) in [
        ("specs/a.md", Some(Kind::Markdown)),
        ("a.Markdown", Some(Kind::Markdown)),
        ("x/y.smt2", Some(Kind::Smt2)),
        ("md", None),
        (".md", None),
        ("a.md/b", None),
        ("a.txt", None),
        ("", None),
    ] {
        assert_eq!(Kind::of_path(path), kind, "{path}");
    }
}

#[test]
fn a_markdown_document() {
    let text = "\
# Refunds

```smt2
; invariant: REFUND-1
; story: PAY-12
; title: Never more than was paid
(declare-const paid Int)
(define-fun invariant () Bool (= paid paid))
```

```smt2
(assert true)
(check-sat)
```

- in a list:

  ```SMT-LIB
  ; invariant: REFUND-2
  (declare-const x Int)
  (push 1)
  ```
";
    let document = parse(Kind::Markdown, text);
    let shown: Vec<_> = document.invariants.iter().map(|b| (b.name.as_str(), b.line)).collect();
    assert_eq!(shown, [("REFUND-1", 4), ("block-12", 12), ("REFUND-2", 19)]);
    let first = &document.invariants[0];
    assert_eq!(first.story.as_deref(), Some("PAY-12"));
    assert_eq!(first.title.as_deref(), Some("Never more than was paid"));
    assert_eq!(first.parsed.as_ref().unwrap().form(), Some(Form::Claim));
    assert!(
        document.invariants[1].parsed.as_ref().unwrap_err().message.contains("; invariant: ID")
    );
    assert_eq!(document.invariants[2].parsed.as_ref().unwrap_err().line, 21);
}

#[test]
fn a_script_of_several_invariants() {
    let text = "; A licence\n\n; invariant: A\n(define-fun invariant () Bool true)\n\n\
                ; invariant: B\n(assert false)\n(check-sat)\n; invariant: A\n(check-sat)\n";
    let document = parse(Kind::Smt2, text);
    let shown: Vec<_> = document.invariants.iter().map(|b| (b.name.as_str(), b.line)).collect();
    assert_eq!(shown, [("A", 1), ("B", 6), ("A", 9)]);
    // Both blocks of one name are errors.
    let error = |at: usize| document.invariants[at].parsed.as_ref().unwrap_err().message.clone();
    assert_eq!(error(0), "the name A is used in line 9 too; give each its own");
    assert_eq!(error(2), "the name A is used in line 1 too; give each its own");
    assert_eq!(document.invariants[1].parsed.as_ref().unwrap().form(), Some(Form::Refutation));
    assert_eq!(parse(Kind::Smt2, "").invariants.len(), 1);
    assert_eq!(parse(Kind::Markdown, "").invariants.len(), 0);
}

#[test]
fn a_block_must_state_one_claim() {
    let claim = "(define-fun invariant () Bool true)";
    for (block, problem) in [
        ("", "the block is empty"),
        ("(assert true)", "the block states no claim"),
        ("(check-sat)", "nothing is asserted"),
        ("(assert true)(check-sat)(check-sat)", "a second (check-sat)"),
        ("(assert true)(check-sat)(assert false)", "(check-sat) must come last"),
        (&format!("{claim}(check-sat)"), "a block either defines invariant or ends in (check-sat)"),
        (&format!("{claim}(assert true)"), "the definition of invariant must come last"),
        (&format!("{claim}{claim}"), "invariant is declared already"),
        ("(define-fun invariant ((x Int)) Bool true)", "the claim has no parameters"),
        ("(define-fun invariant () Int 1)", "the claim has no parameters and is a Bool"),
        ("assert", "a command in parentheses"),
        ("()", "a command in parentheses"),
        ("((assert) true)", "a command's name"),
        ("(assert true true)", "assert is malformed"),
        ("(declare-const x)", "declare-const is malformed"),
        ("(declare-fun x Int)", "declare-fun is malformed"),
        ("(declare-datatypes (T) ((a)))", "declare-datatypes is malformed"),
        ("(set-logic)", "set-logic is malformed"),
    ] {
        let error = Invariant::parse(block, 1).unwrap_err();
        assert!(error.message.starts_with(problem), "{block}: {error}");
    }
    assert!(Invariant::parse(&"(assert true)\n".repeat(30_000), 1).is_err());
}

#[test]
fn allowed_forms_of_terms() {
    let block = "(set-info :status unsat)(set-logic ALL)
        (declare-sort U 0)(declare-sort V)(define-sort Grid (X) (Array Int (Array Int X)))
        (declare-datatype Colour ((red) (green (shade Int))))
        (declare-datatypes ((Lst 1)) ((par (T) ((nl) (cns (hd T) (tl (Lst T)))))))
        (declare-fun f (Int U) Real)
        (define-const k (_ BitVec 8) #x0f)
        (define-fun g ((x Int) (c Colour)) Int (match c ((red 0) ((green s) (+ s x)))))
        (assert (forall ((x Int)) (! (>= (g x red) 0) :pattern ((g x red)) :weight 2)))
        (assert (= ((_ extract 3 0) k) #b1111))
        (assert (let ((a ((as const (Array Int Int)) 0))) (= (select a 1) 0)))
        (assert (exists ((y (Lst Int))) ((_ is nl) y)))
        (define-fun invariant () Bool true)";
    assert!(Invariant::parse(block, 1).is_ok(), "{:?}", Invariant::parse(block, 1));
}

#[test]
fn ten_thousand_invariants() {
    let mut text = String::new();
    for n in 0..10_000 {
        write!(
            text,
            "## {n}\n\n```smt2\n; invariant: I-{n}\n(declare-const x Int)\n(assert (> x {n}))\n\
             (define-fun invariant () Bool (>= x {n}))\n```\n\n"
        )
        .unwrap();
    }
    let document = parse(Kind::Markdown, &text);
    assert_eq!(document.invariants.len(), 10_000);
    assert!(document.invariants.iter().all(|block| block.parsed.is_ok()));
    assert_eq!(document.invariants[9_999].line, 9 * 9_999 + 4);
    let hashes: HashSet<_> =
        document.invariants.iter().map(|b| b.parsed.as_ref().unwrap().statement_hash()).collect();
    assert_eq!(hashes.len(), 10_000);
}

#[test]
fn too_much_is_an_error_and_not_a_silence() {
    let many: String = (0..20_100).map(|n| format!("```smt2\n; invariant: {n}\n```\n")).collect();
    let document = parse(Kind::Markdown, &many);
    assert_eq!(document.invariants.len(), 20_001);
    let last = document.invariants.last().unwrap().parsed.as_ref().unwrap_err();
    assert!(last.message.contains("more than 20000 blocks"), "{last}");
    let long = "x".repeat((16 << 20) + 1);
    assert!(parse(Kind::Markdown, &long).invariants[0].parsed.is_err());
    for nested in ["(", "> ", "- ", "[", "`", "* ", "![", "<", "_", "1. ", "```smt2\n"] {
        parse(Kind::Markdown, &nested.repeat(100_000 / nested.len()));
        parse(Kind::Smt2, &nested.repeat(100_000 / nested.len()));
    }
}

/// Terms over the constant `x`, well formed but not always well sorted.
fn term() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-z]{1,6}".prop_filter("no reserved word", |s| !matches!(
            s.as_str(),
            "let" | "as" | "match" | "par" | "forall" | "exists" | "lambda" | "choice"
        )),
        "[1-9][0-9]{0,12}",
        "[0-9]\\.[0-9]{1,3}",
        "#b[01]{1,9}",
        "#x[0-9a-fA-F]{1,5}",
        "\"[ !#-~]{0,12}\"",
        "\\|q[ !-\\[\\]-\\{}~]{0,12}\\|",
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        proptest::collection::vec(inner, 1..8)
            .prop_map(|items| format!("(and {})", items.join(" ")))
    })
}

fn claim(terms: &[String], space: &str) -> String {
    let mut block = String::from("(declare-const x Int)");
    for term in terms {
        block += &format!("{space}(assert {term})");
    }
    block + space + "(define-fun invariant () Bool true)"
}

proptest! {
    // A failing case goes into a test of its own, not into a file beside the tests.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        parse(Kind::Markdown, &text);
        parse(Kind::Smt2, &text);
        parse(Kind::Markdown, &canonical_text(&format!("```smt2\n; invariant: A\n{text}\n```\n")));
    }

    #[test]
    fn no_arrangement_of_tokens_makes_the_parser_panic(
        tokens in proptest::collection::vec(
            prop::sample::select(vec![
                "(", ")", " ", "\n", ";", "|", "\"", "!", ":named", ":pattern", "_", "as", "let", "forall",
                "match", "par", "assert", "check-sat", "define-fun", "declare-datatypes", "declare-datatype",
                "invariant", "()", "Bool", "0", "x", "; invariant: A\n", "```smt2\n", "```\n", "> ", "- ",
            ]),
            0..80,
        ),
    ) {
        let text = tokens.concat();
        parse(Kind::Markdown, &text);
        parse(Kind::Smt2, &text);
        parse(Kind::Smt2, &format!("; invariant: A\n{}", tokens.join(" ")));
    }

    #[test]
    fn printing_is_a_normal_form(terms in proptest::collection::vec(term(), 0..5)) {
        let once = Invariant::parse(&claim(&terms, "\n"), 1).unwrap();
        let twice = Invariant::parse(once.statement(), 1).unwrap();
        prop_assert_eq!(once.statement(), twice.statement());
        prop_assert_eq!(once.statement_hash(), twice.statement_hash());
    }

    #[test]
    fn comments_and_white_space_do_not_count(
        terms in proptest::collection::vec(term(), 0..5),
        space in "( |\t|\n|;[ -~ä]{0,10}\n){1,4}",
    ) {
        let plain = Invariant::parse(&claim(&terms, "\n"), 1).unwrap();
        let spaced = Invariant::parse(&claim(&terms, &space), 1).unwrap();
        prop_assert_eq!(plain.statement_hash(), spaced.statement_hash());
    }

    #[test]
    fn every_token_counts(
        terms in proptest::collection::vec(term(), 1..5),
        other in term(),
        pick in any::<prop::sample::Index>(),
    ) {
        let at = pick.index(terms.len());
        let mut changed = terms.clone();
        changed[at] = format!("(or {other} {})", terms[at]);
        let one = Invariant::parse(&claim(&terms, "\n"), 1).unwrap();
        let two = Invariant::parse(&claim(&changed, "\n"), 1).unwrap();
        prop_assert_ne!(one.statement_hash(), two.statement_hash());
    }
}
