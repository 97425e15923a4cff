//! Generated spec documents: small, distinct, true statements such as people write.

/// One small invariant in claim form. Different numbers give different statements.
pub fn invariant(name: &str, number: u64) -> String {
    let limit = 1_000 + number;
    format!(
        "```smt2\n; invariant: {name}\n; story: BENCH-1\n; title: refunds stay below {limit}\n\
         (declare-const paid Int)\n(declare-const refunded Int)\n(declare-const asked Int)\n\
         (assert (and (>= paid 0) (<= paid {limit})))\n\
         (assert (and (>= refunded 0) (<= refunded paid)))\n\
         (assert (and (> asked 0) (<= asked (- paid refunded))))\n\
         (define-fun invariant () Bool (<= (+ refunded asked) {limit}))\n```\n"
    )
}

/// The plain script that proves the same statement in a process of its own: both checks.
pub fn plain_script(number: u64) -> String {
    let limit = 1_000 + number;
    format!(
        "(declare-const paid Int)\n(declare-const refunded Int)\n(declare-const asked Int)\n\
         (assert (and (>= paid 0) (<= paid {limit})))\n\
         (assert (and (>= refunded 0) (<= refunded paid)))\n\
         (assert (and (> asked 0) (<= asked (- paid refunded))))\n(check-sat)\n\
         (assert (not (<= (+ refunded asked) {limit})))\n(check-sat)\n"
    )
}

/// A document of `invariants` invariants; `salt` makes the statement of the first one new.
pub fn document(document: usize, invariants: usize, salt: u64) -> String {
    let mut text = format!("# Bench document {document}\n\n");
    for i in 0..invariants {
        let base = (document * invariants + i) as u64;
        let number = if i == 0 { base + 1_000_000 * (salt + 1) } else { base };
        text += &format!("Rule {i} of document {document}.\n\n");
        text += &invariant(&format!("BENCH-{document}-{i}"), number);
        text.push('\n');
    }
    text
}
