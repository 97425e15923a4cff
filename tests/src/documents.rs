//! Spec documents for the tests.

use std::fmt::Write as _;

/// A block that is proved: a sum of two numbers of at least `n` is at least `2 n`. Every `n` makes
/// another statement.
pub fn proved(name: &str, n: u64) -> String {
    claim(
        name,
        &format!(
            "(declare-const a Int)\n(declare-const b Int)\n(assert (>= a {n}))\n(assert (>= b {n}))\n\
             (define-fun invariant () Bool (>= (+ a b) {}))",
            2 * n
        ),
    )
}

/// A block that is refuted, with `balance = n + 1` as the only counterexample.
pub fn refuted(name: &str, n: u64) -> String {
    claim(
        name,
        &format!(
            "(declare-const balance Int)\n(assert (= balance {}))\n\
             (define-fun invariant () Bool (<= balance {n}))",
            n + 1
        ),
    )
}

/// A block whose assumptions contradict each other.
pub fn vacuous(name: &str) -> String {
    claim(
        name,
        "(declare-const x Int)\n(assert (> x 0))\n(assert (< x 0))\n(define-fun invariant () Bool (= x 7))",
    )
}

/// A block that is no SMT-LIB.
pub fn malformed(name: &str) -> String {
    claim(name, "(declare-const x Int\n(assert (> x 0)")
}

/// A block that Z3 does not finish within hours: Fermat's last theorem for cubes.
pub fn endless(name: &str) -> String {
    let mut body = String::new();
    for symbol in ["x", "y", "z"] {
        let _ = writeln!(body, "(declare-const {symbol} Int)\n(assert (> {symbol} 1))");
    }
    body.push_str("(define-fun invariant () Bool (not (= (+ (* x x x) (* y y y)) (* z z z))))");
    claim(name, &body)
}

/// A block for which Z3 asks for gigabytes within a second: products of very wide numbers.
pub fn memory_eater(name: &str) -> String {
    const BITS: u32 = 2048;
    let mut body = String::new();
    for symbol in ["a", "b", "c"] {
        let _ = writeln!(body, "(declare-const {symbol} (_ BitVec {BITS}))");
    }
    let _ = write!(
        body,
        "(assert (bvugt a (_ bv77 {BITS})))\n\
         (assert (= (bvmul a b) (bvadd c (_ bv12345 {BITS}))))\n\
         (define-fun invariant () Bool (not (= (bvmul b c) (bvor a (_ bv1 {BITS})))))"
    );
    claim(name, &body)
}

/// A block that takes Z3 about a second and is proved: `holes + 1` pigeons do not fit into
/// `holes` holes. `salt` makes the statement another one without making it easier.
pub fn slow(name: &str, salt: u64) -> String {
    const HOLES: usize = 9;
    let pigeon = |p: usize, h: usize| format!("s{salt}p{p}h{h}");
    let mut body = String::new();
    for p in 0..=HOLES {
        for h in 0..HOLES {
            let _ = writeln!(body, "(declare-const {} Bool)", pigeon(p, h));
        }
    }
    for h in 0..HOLES {
        for p in 0..=HOLES {
            for q in 0..p {
                let _ = writeln!(body, "(assert (not (and {} {})))", pigeon(p, h), pigeon(q, h));
            }
        }
    }
    let housed = |p: usize| (0..HOLES).map(|h| pigeon(p, h)).collect::<Vec<_>>().join(" ");
    let all: Vec<_> = (0..=HOLES).map(|p| format!("(or {})", housed(p))).collect();
    let _ = write!(body, "(define-fun invariant () Bool (not (and {})))", all.join(" "));
    claim(name, &body)
}

/// A code block with a heading comment.
pub fn claim(name: &str, body: &str) -> String {
    format!(
        "```smt2\n; invariant: {name}\n; story: STORY-1\n; title: The rule {name}\n{body}\n```\n"
    )
}

/// A Markdown document with some blocks.
pub fn document<S: AsRef<str>>(title: &str, blocks: impl IntoIterator<Item = S>) -> String {
    let mut text = format!("# {title}\n\nWhat must hold.\n");
    for block in blocks {
        text.push('\n');
        text.push_str(block.as_ref());
    }
    text
}
