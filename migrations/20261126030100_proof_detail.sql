-- What is known about a verdict besides the verdict: who said so, which assumptions its proof used,
-- the language of a block that is not SMT-LIB, and what other seeds said. NULL where nothing is.
ALTER TABLE invariants ADD COLUMN detail json;
ALTER TABLE staged_verdicts ADD COLUMN detail json;
ALTER TABLE proof_results ADD COLUMN detail json;
