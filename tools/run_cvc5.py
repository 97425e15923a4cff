"""cvc5 as a program, from its Python package: run_cvc5.py [--option=value…] FILE.smt2

The package holds the library alone. Options are cvc5's own; --version prints the version.
"""

import sys

import cvc5

if sys.argv[1:] == ["--version"]:
    print(f"This is cvc5 version {cvc5.__version__}")
    sys.exit()
manager = cvc5.TermManager()
solver = cvc5.Solver(manager)
for option in sys.argv[1:-1]:
    name, _, value = option.removeprefix("--").partition("=")
    solver.setOption(name, value or "true")
symbols = cvc5.SymbolManager(manager)
parser = cvc5.InputParser(solver, symbols)
try:
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, sys.argv[-1])
    while not (command := parser.nextCommand()).isNull():
        print(command.invoke(solver, symbols), end="", flush=True)
except Exception as error:
    print(f'(error "{error}")')
    sys.exit(1)
