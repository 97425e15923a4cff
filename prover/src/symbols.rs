//! Names that a spec may not give to its own symbols. Z3 lets most of them be overloaded; a reader
//! who sees `and` must be able to rely on what it means.

/// SMT-LIB's reserved words and the heads that have a syntax of their own.
const RESERVED: &str = "\
    ! _ as BINARY DECIMAL HEXADECIMAL NUMERAL STRING exists forall lambda let match par choice root-obj";

/// Command names. Z3 takes `|assert|` for the command.
const COMMANDS: &str = "\
    assert assert-soft apply check-sat check-sat-assuming check-sat-using declare-const \
    declare-datatype declare-datatypes declare-fun declare-sort declare-sort-parameter \
    declare-tactic define-const define-fun define-fun-rec define-funs-rec define-sort display \
    echo eval exit get-assertions get-assignment get-info get-model get-option get-proof \
    get-unsat-assumptions get-unsat-core get-value include maximize minimize pop push reset \
    reset-assertions set-info set-logic set-option simplify";

/// Sorts of the standard's theories and of Z3.
const SORTS: &str = "\
    Bool Int Real Array BitVec Float16 Float32 Float64 Float128 FloatingPoint RoundingMode \
    String RegLan RegEx Seq Set Char Unicode FiniteField FiniteSet";

/// Functions of the standard's theories and of Z3 5.4 (asked of it name by name), apart from those
/// in the families below.
const FUNCTIONS: &str = "\
    true false not => and or xor = distinct ite if if_then_else implies iff equals equiv && || \
    - + * ** / /0 div mod rem abs < <= > >= ^ ~ to_real to_int is_int divisible ln log sin \
    cos tan asin acos atan atan2 arctan2 sinh cosh tanh asinh acosh atanh pi euler select \
    store const map default as-array array-ext union intersection intersect setminus subset \
    complement concat extract repeat zero_extend sign_extend rotate_left rotate_right \
    ext_rotate_left ext_rotate_right bit2bool bit0 bit1 mkbv int2bv bv2int bv2nat nat2bv \
    int_to_bv int.to.str ubv_to_int sbv_to_int fp to_fp to_fp_unsigned to_fp_bv NaN +oo -oo +zero -zero \
    RNE RNA RTP RTN RTZ roundNearestTiesToEven roundNearestTiesToAway roundTowardPositive \
    roundTowardNegative roundTowardZero char is update-field at-most at-least pble pbge pbeq \
    partial-order linear-order tree-order piecewise-linear-order transitive-closure ac-op \
    case-def recfun-num-rounds";

/// Bit-vector functions without their prefix `bv`.
const BITVECTOR: &str = "\
    add and ashr comp lshr mul nand neg nego nor not or redand redor saddo sdiv sdiv0 sdiv_i \
    sdivo sge sgt shl sle slt smod smod0 smod_i smul_noovfl smul_noudfl smulo srem srem0 \
    srem_i ssubo sub uaddo udiv udiv0 udiv_i uge ugt ule ult umul_noovfl umulo urem urem0 \
    urem_i usubo xnor xor";

/// Beginnings of whole families of functions.
const FAMILIES: &str = "\
    fp. re. seq. str. set. char. ff. complex.";

/// Why a spec may not declare `name`, if so.
pub(crate) fn refusal(name: &str) -> Option<String> {
    let built_in = lists(SORTS, name)
        || lists(FUNCTIONS, name)
        || FAMILIES.split_ascii_whitespace().any(|family| name.starts_with(family))
        || name.strip_prefix("bv").is_some_and(|rest| lists(BITVECTOR, rest));
    if built_in {
        Some(format!("{name} is built into the language; choose another name"))
    } else if is_reserved(name) || lists(COMMANDS, name) {
        Some(format!("{name} is a reserved word; choose another name"))
    } else if name.starts_with(['@', '.']) {
        Some(format!("names that begin like {name} belong to provers; choose another"))
    } else {
        None
    }
}

/// Whether `name` is a word with a syntax of its own.
pub(crate) fn is_reserved(name: &str) -> bool {
    lists(RESERVED, name)
}

fn lists(words: &str, name: &str) -> bool {
    words.split_ascii_whitespace().any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn what_readers_rely_on_cannot_be_renamed() {
        for name in [
            "and",
            "not",
            "=",
            "Int",
            "bvadd",
            "str.len",
            "int.to.str",
            "let",
            "assert",
            "@x",
            ".y",
            "invoke",
        ] {
            assert_eq!(refusal(name).is_some(), name != "invoke", "{name}");
        }
        // Ordinary words that only begin like a family's.
        for name in ["bvalue", "strict", "set-point", "fp", "union_member", "map-of"] {
            assert_eq!(refusal(name).is_some(), name == "fp", "{name}");
        }
    }
}
